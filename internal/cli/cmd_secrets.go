package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/openclaw-go/openclaw/internal/app"
	"github.com/openclaw-go/openclaw/internal/audit"
	"github.com/openclaw-go/openclaw/internal/gateway"
	"github.com/openclaw-go/openclaw/internal/store"
	"github.com/openclaw-go/openclaw/internal/vault"
)

func (e *env) cmdSecrets() *cobra.Command {
	c := &cobra.Command{Use: "secrets", Aliases: []string{"secret"}, Short: "Keep credentials in an encrypted store, and know which there are",
		Long: `Keep credentials in an encrypted store, and know which there are.

The store is vault.age in the state directory. The configuration refers to what
is in it: { source: "store", provider: "default", id: "NAME" }. No value is ever
taken from the command line, and none is printed but by get --reveal.`}
	c.AddCommand(e.cmdSecretsList(), e.cmdSecretsSet(), e.cmdSecretsGet(), e.cmdSecretsRm(), e.cmdSecretsRotate(), e.cmdSecretsMigrate(),
		e.cmdSecretsUndo(), e.cmdSecretsAudit(), e.cmdSecretsDoctor(), e.cmdSecretsUnlock(), e.cmdSecretsLock(), e.cmdSecretsKey(), e.cmdSecretsAccept())
	return c
}

// secretDesk is the encrypted store of the home in use. While a gateway runs,
// it is the one that records.
func (e *env) secretDesk() (app.SecretDesk, error) {
	p, err := e.existingHome()
	if err != nil {
		return app.SecretDesk{}, err
	}
	d := app.SecretDesk{Paths: p, Getenv: e.getenv, Record: app.RecordSecret(p, e.getenv)}
	d.Store = app.StoreOf(p, e.getenv, e.passphrase(), app.FloorOf(p, e.lookup))
	if _, held := store.Holder(p.State); held {
		d.Record = func(_ context.Context, n gateway.SecretNote) error {
			return e.withGateway(func(ctx context.Context, c *client) error { return c.call(ctx, "secrets.note", n, nil) })
		}
	}
	return d, nil
}

// secretError gives an error of the store its exit code and hint.
func secretError(err error) error {
	var f *failure
	var locked *vault.LockedError
	switch {
	case err == nil, errors.As(err, &f):
		return err
	case errors.As(err, &locked):
		return cannot(err, locked.Hint())
	case errors.Is(err, app.ErrWeak):
		return refused(err, hintOf(err))
	case errors.Is(err, vault.ErrOld):
		return refused(err, "it was put back from a copy: secrets that were removed or replaced since would come back; openclaw secrets accept takes it as it is")
	case errors.Is(err, vault.ErrNoStore):
		return cannot(err, "openclaw secrets set NAME makes one")
	case errors.Is(err, vault.ErrNoSecret), errors.Is(err, vault.ErrNoUndo):
		return &failure{code: exitUsage, err: err, hint: "openclaw secrets list"}
	}
	return cannot(err, hintOf(err))
}

func (e *env) cmdSecretsList() *cobra.Command {
	return &cobra.Command{Use: "list", Short: "List credentials: source, age, last use, hosts; never a value", Args: cobra.NoArgs,
		Long: `List credentials: source, age, last use, hosts; never a value.

Every credential that the configuration refers to or holds, and every one in
the store. Hosts are those that a key was accepted for; ? marks one that waits
for openclaw config accept.`,
		RunE: func(*cobra.Command, []string) error {
			d, err := e.secretDesk()
			if err != nil {
				return err
			}
			l, err := d.List(e.ctx, time.Now())
			if err != nil {
				return secretError(err)
			}
			if e.print.json {
				return e.print.value(l)
			}
			e.printSecrets(l)
			return nil
		}}
}

func (e *env) printSecrets(l app.SecretList) {
	if l.Locked != "" {
		e.print.note("%s", l.Locked)
	}
	if len(l.Secrets) == 0 {
		e.print.line("No credentials.")
		return
	}
	e.print.line("%-30s %-8s %-9s %-11s %s", "name", "source", "age", "last use", "hosts")
	for _, r := range l.Secrets {
		hosts := slices.Clone(r.Hosts)
		for _, h := range r.Waiting {
			hosts = append(hosts, h+"?")
		}
		if len(hosts) == 0 {
			hosts = []string{"-"}
		}
		e.print.row("%-30s %-8s %-9s %-11s %s", r.Name, r.Source, age(r), when(r.LastUsed), strings.Join(hosts, ", "))
		var notes []string
		if len(r.Keys) > 0 && r.Source != "plain" {
			notes = append(notes, "for "+strings.Join(r.Keys, ", "))
		} else if r.Source == "store" {
			notes = append(notes, "nothing refers to it")
		}
		if r.Source == "plain" {
			notes = append(notes, "stands in the configuration: openclaw secrets migrate")
		}
		if r.Weak {
			notes = append(notes, "weak: it cannot be masked in text")
		}
		if r.Problem != "" {
			notes = append(notes, "no value: "+r.Problem)
		}
		for _, n := range notes {
			e.print.row("  %s", n)
		}
	}
}

// age of a credential for people.
func age(r app.SecretRow) string {
	switch {
	case r.AgeDays == nil && r.Changed != nil:
		return "in future"
	case r.AgeDays == nil:
		return "unknown"
	case r.Due:
		return fmt.Sprintf("%d d, due", *r.AgeDays)
	}
	return fmt.Sprintf("%d d", *r.AgeDays)
}

func when(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return t.Local().Format(time.DateOnly)
}

func (e *env) cmdSecretsSet() *cobra.Command {
	var weak bool
	c := &cobra.Command{Use: "set NAME", Short: "Put a secret into the store, typed without echo or from standard input", Args: cobra.ExactArgs(1),
		Example: "  openclaw secrets set ANTHROPIC_API_KEY\n  pass show anthropic | openclaw secrets set ANTHROPIC_API_KEY",
		RunE: func(_ *cobra.Command, args []string) error {
			if !vault.IsName(args[0]) {
				return usage("secrets set: %q is not a name: expected A-Z, then A-Z, 0-9 and _", args[0])
			}
			d, err := e.secretDesk()
			if err != nil {
				return err
			}
			v, err := e.secretFrom("Value of " + args[0] + " (it is not shown): ")
			if err != nil {
				return err
			}
			allow := vault.Strong
			if weak {
				allow = vault.Weak
			}
			if err := d.Set(e.ctx, args[0], v, allow); err != nil {
				return secretError(err)
			}
			return e.said(map[string]string{"set": args[0]}, `%s is in the store. Refer to it: { source: "store", provider: "default", id: %q }`, args[0], args[0])
		}}
	c.Flags().BoolVar(&weak, "allow-weak", false, "keep a value that is too short or too plain to be masked in text")
	return c
}

func (e *env) cmdSecretsGet() *cobra.Command {
	var reveal bool
	c := &cobra.Command{Use: "get NAME", Short: "Tell of one secret; --reveal prints its value", Args: cobra.ExactArgs(1), RunE: func(_ *cobra.Command, args []string) error {
		d, err := e.secretDesk()
		if err != nil {
			return err
		}
		if !reveal {
			l, err := d.List(e.ctx, time.Now())
			if err != nil {
				return secretError(err)
			}
			l.Secrets = slices.DeleteFunc(l.Secrets, func(r app.SecretRow) bool { return r.Name != args[0] })
			if len(l.Secrets) == 0 {
				return secretError(fmt.Errorf("secrets: %q: %w", args[0], vault.ErrNoSecret))
			}
			if e.print.json {
				return e.print.value(l)
			}
			e.printSecrets(l)
			return nil
		}
		v, err := d.Reveal(e.ctx, args[0])
		if err != nil {
			return secretError(err)
		}
		return v.Use(func(b []byte) error {
			if e.print.json {
				return e.print.value(map[string]string{"name": args[0], "value": string(b)})
			}
			e.print.line("%s", b)
			return nil
		})
	}}
	c.Flags().BoolVar(&reveal, "reveal", false, "print the value; the record has that first")
	return c
}

func (e *env) cmdSecretsRm() *cobra.Command {
	return &cobra.Command{Use: "rm NAME...", Aliases: []string{"remove"}, Short: "Remove secrets from the store", Args: cobra.MinimumNArgs(1), RunE: func(_ *cobra.Command, args []string) error {
		d, err := e.secretDesk()
		if err != nil {
			return err
		}
		if err := d.Remove(e.ctx, args); err != nil {
			return secretError(err)
		}
		return e.said(map[string][]string{"removed": args}, "%s removed. Revoke at the provider what nobody is to use any more.", strings.Join(args, ", "))
	}}
}

func (e *env) cmdSecretsAudit() *cobra.Command {
	var f auditFlags
	c := &cobra.Command{Use: "audit", Short: "The part of the security audit that is about credentials", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error {
		for _, check := range audit.Catalogue() {
			if check.Area == audit.AreaSecrets {
				f.only = append(f.only, check.ID)
			}
		}
		return e.securityAudit(f)
	}}
	c.Flags().StringVar(&f.failOn, "fail-on", "", "exit 1 at a finding of this `SEVERITY` or above: info, warn, critical")
	return c
}

func (e *env) cmdSecretsAccept() *cobra.Command {
	return &cobra.Command{Use: "accept", Short: "Take a store that is older than the record as it is", Args: cobra.NoArgs,
		Long: `Take a store that is older than the record as it is.

A store that was put back from a copy is refused, since secrets that were
removed or replaced after the copy would come back. Revoke those first, then
accept the store.`,
		RunE: func(*cobra.Command, []string) error {
			d, err := e.secretDesk()
			if err != nil {
				return err
			}
			d.Store = app.StoreOf(d.Paths, e.getenv, e.passphrase(), nil)
			n, err := d.Accept(e.ctx)
			if err != nil {
				return secretError(err)
			}
			return e.said(map[string]uint64{"generation": n}, "The store is accepted at generation %d.", n)
		}}
}
