package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/openclaw-go/openclaw/internal/app"
	"github.com/openclaw-go/openclaw/internal/audit"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/configfile"
	"github.com/openclaw-go/openclaw/internal/json5"
	"github.com/openclaw-go/openclaw/internal/posture"
	"github.com/openclaw-go/openclaw/internal/store"
)

func (e *env) cmdConfig() *cobra.Command {
	c := &cobra.Command{Use: "config", Short: "Read, change and check the configuration"}
	c.AddCommand(
		&cobra.Command{Use: "get [PATH]", Short: "Print a value, or everything; secrets are masked", Args: cobra.MaximumNArgs(1), RunE: func(_ *cobra.Command, args []string) error { return e.configGet(args) },
			Example: "  openclaw config get tools.exec.security"},
		&cobra.Command{Use: "set PATH VALUE", Short: "Set one value; comments stay", Args: cobra.ExactArgs(2), RunE: func(_ *cobra.Command, args []string) error { return e.configSet(args[0], args[1]) },
			Long:    "Set one value; comments stay.\n\nVALUE is JSON5, or a bare text. The result is checked before it is written; a\nvalue that does not fit leaves the file as it was.",
			Example: "  openclaw config set gateway.port 9000\n  openclaw config set tools.exec '{security: \"allowlist\", allowlist: [\"git status\"]}'"},
		&cobra.Command{Use: "unset PATH", Aliases: []string{"delete"}, Short: "Take one value out; comments stay", Args: cobra.ExactArgs(1), RunE: func(_ *cobra.Command, args []string) error { return e.configUnset(args[0]) }},
		&cobra.Command{Use: "validate", Short: "Check the file; exit status 2 when it would be refused", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error { return e.configValidate() }},
		&cobra.Command{Use: "schema", Short: "Print the JSON schema", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error { e.print.text(config.Schema()); return nil }},
		&cobra.Command{Use: "file", Aliases: []string{"path"}, Short: "Print where the file is", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error {
			p, err := e.paths()
			if err != nil {
				return usage("%w", err)
			}
			e.print.line("%s", p.Config)
			return nil
		}},
		e.cmdConfigAccept(),
	)
	return c
}

func (e *env) loaded() (configfile.Paths, *configfile.Loaded, error) {
	p, err := e.paths()
	if err != nil {
		return p, nil, usage("%w", err)
	}
	l, err := configfile.Load(p, configfile.Options{Env: e.lookup})
	if err != nil {
		return p, l, &failure{code: exitUsage, err: err, hint: "nothing was changed; " + p.Short(p.Config) + " must be a readable JSON5 file"}
	}
	return p, l, nil
}

func (e *env) configGet(args []string) error {
	_, l, err := e.loaded()
	if err != nil {
		return err
	}
	n := l.Config.Redacted()
	if len(args) == 1 {
		if n, err = l.Config.Get(args[0]); err != nil {
			return &failure{code: exitUsage, err: err}
		}
	}
	if n == nil {
		e.print.line("{}")
		return nil
	}
	if n.Kind == json5.String && !e.print.json {
		e.print.line("%s", n.Text)
		return nil
	}
	var v any
	if err := json.Unmarshal([]byte(n.JSON()), &v); err != nil {
		return err
	}
	return e.print.value(v)
}

// configEdit changes the file, says what is new of it, and has a running
// gateway accept what this act itself loosens.
func (e *env) configEdit(path, value string, edit func(configfile.Paths, json5.Path) (config.Problems, error)) error {
	at, err := json5.ParsePath(path)
	if err != nil {
		return &failure{code: exitUsage, err: err}
	}
	p, err := e.paths()
	if err != nil {
		return usage("%w", err)
	}
	before, looked := e.auditNow(p)
	ps, err := edit(p, at)
	if err != nil {
		code := exitUsage
		if errno := syscall.Errno(0); errors.As(err, &errno) {
			code = exitCannot // the disk, not the value
		}
		return &failure{code: code, err: err, hint: "the file was left as it was"}
	}
	e.warnings(ps)
	if err := e.tellWritten(p); err != nil {
		e.print.note("the change is not on record as yours, so the monitor may report it: %v", err)
	}
	if err := e.acceptEdit(p, path, value); err != nil {
		e.print.note("%v", err)
	}
	var news []audit.Finding // nil: nobody could look
	if after, ok := e.auditNow(p); ok && looked {
		after.Since(before)
		news = append([]audit.Finding{}, after.Findings...)
	} else {
		e.print.note("what this means for security was not looked at: openclaw security audit says why")
	}
	if e.print.json {
		return e.print.value(map[string]any{"ok": true, "path": path, "file": p.Config, "newFindings": news})
	}
	e.print.line("%s: changed %s", p.Short(p.Config), path)
	for _, f := range news {
		e.printFinding(f)
	}
	return nil
}

// auditNow is the plain audit of the home as it is; false when it could not
// be made, which the audit itself says better.
func (e *env) auditNow(p configfile.Paths) (audit.Report, bool) {
	_, r, err := e.look(auditFlags{}, p)
	return r, err == nil
}

// tellWritten puts on record that the operator has written what the file says
// now, so that the monitor does not take it for somebody else's.
func (e *env) tellWritten(p configfile.Paths) error {
	state, err := app.LookHome(p)
	if err != nil || state != app.HomeOurs {
		return err
	}
	l, err := configfile.Load(p, configfile.Options{Env: e.lookup})
	if err != nil {
		return err
	}
	if _, held := store.Holder(p.State); !held {
		return app.NoteWritten(e.ctx, p, l.Config, l.Hash)
	}
	return e.withGateway(func(ctx context.Context, c *client) error {
		return c.call(ctx, "config.written", map[string]string{"hash": l.Hash}, nil)
	})
}

// acceptEdit accepts the posture of a change that the operator just made with
// this command (DESIGN §8): config set is an operator's act, unless a model
// suggested it and nobody can be asked.
func (e *env) acceptEdit(p configfile.Paths, path, value string) error {
	state, err := app.LookHome(p)
	if err != nil || state != app.HomeOurs {
		return err
	}
	l, err := configfile.Load(p, configfile.Options{Env: e.lookup})
	if err != nil || l.Problems.HasErrors() {
		return err
	}
	changes, err := app.LooserThanSealed(p, l.Config)
	if err != nil || len(changes) == 0 {
		return err
	}
	for _, ch := range changes {
		e.print.note("loosens %s", ch)
	}
	if _, held := store.Holder(p.State); held {
		e.print.note("the running gateway asks for a word: openclaw config accept")
		return nil
	}
	if e.suggested(p, append(keysOf(changes), path, telling(value))...) && !(isTerminal(e.stdin) && e.yes("Put it in force?")) {
		e.print.note("it waits for: openclaw config accept")
		return nil
	}
	_, err = app.AcceptHere(e.ctx, p, l.Config)
	return err
}

func (e *env) configSet(path, value string) error {
	return e.configEdit(path, value, func(p configfile.Paths, at json5.Path) (config.Problems, error) {
		doc := json5.Parse("VALUE", []byte(value))
		if len(doc.Errors) > 0 || doc.Root == nil {
			if strings.ContainsAny(value, "{[") {
				return nil, fmt.Errorf("VALUE is neither JSON5 nor a bare text: %w", doc.Errors[0])
			}
			value = json5.Quote(value)
		}
		return configfile.Set(p, configfile.Options{Env: e.lookup}, at, value)
	})
}

func (e *env) configUnset(path string) error {
	return e.configEdit(path, "", func(p configfile.Paths, at json5.Path) (config.Problems, error) {
		return configfile.Unset(p, configfile.Options{Env: e.lookup}, at)
	})
}

func (e *env) configValidate() error {
	p, l, err := e.loaded()
	if err != nil {
		return err
	}
	if e.print.json {
		if err := e.print.value(map[string]any{"file": p.Config, "exists": !l.Absent, "valid": !l.Problems.HasErrors(), "problems": append(config.Problems{}, l.Problems...)}); err != nil {
			return err
		}
	} else {
		for _, pr := range l.Problems {
			e.print.line("%s: %s", pr.Severity, pr)
		}
		switch {
		case l.Absent:
			e.print.line("%s: no file; the hardened baseline holds", p.Short(p.Config))
		case !l.Problems.HasErrors():
			e.print.line("%s: valid", p.Short(p.Config))
		}
	}
	if l.Problems.HasErrors() {
		return silent(exitUsage)
	}
	return nil
}

func (e *env) cmdConfigAccept() *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use:   "accept",
		Short: "Put a configuration in force that loosens what was accepted before",
		Long: `Put a configuration in force that loosens what was accepted before.

Shows every rule that gets looser, then asks. With --yes it does not ask, which
is for scripts of yours.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			p, l, err := e.loaded()
			if err != nil {
				return err
			}
			if err := l.Problems.Err(); err != nil {
				return &failure{code: exitUsage, err: err}
			}
			if _, held := store.Holder(p.State); held {
				return e.withGateway(func(ctx context.Context, c *client) error { return e.acceptRunning(ctx, c, p, yes) })
			}
			changes, err := app.LooserThanSealed(p, l.Config)
			if err != nil {
				return cannot(err, "")
			}
			if !e.showChanges(p, changes, yes) {
				return silent(exitRefused)
			}
			if _, err := app.AcceptHere(e.ctx, p, l.Config); err != nil {
				return cannot(err, hintOf(err))
			}
			e.print.line("accepted")
			return nil
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return c
}

func (e *env) acceptRunning(ctx context.Context, c *client, p configfile.Paths, yes bool) error {
	var pending *app.Proposal
	if err := c.call(ctx, "config.pending", nil, &pending); err != nil {
		return err
	}
	if pending == nil {
		e.print.line("nothing waits: the configuration is in force")
		return nil
	}
	if !e.showChanges(p, pending.Changes, yes) {
		return silent(exitRefused)
	}
	if err := c.call(ctx, "config.accept", map[string]string{"hash": pending.Hash}, nil); err != nil {
		return err
	}
	e.print.line("accepted")
	return nil
}

func (e *env) showChanges(p configfile.Paths, changes []posture.Change, yes bool) bool {
	for _, ch := range changes {
		e.print.line("loosens %s", ch)
	}
	e.suggested(p, keysOf(changes)...)
	return yes || len(changes) == 0 || isTerminal(e.stdin) && e.yes("Put it in force?")
}
