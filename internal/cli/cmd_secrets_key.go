package cli

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/openclaw-go/openclaw/internal/app"
	"github.com/openclaw-go/openclaw/internal/gateway"
	"github.com/openclaw-go/openclaw/internal/vault"
)

func (e *env) cmdSecretsUnlock() *cobra.Command {
	var limit time.Duration
	c := &cobra.Command{Use: "unlock", Short: "Put the store's key into the system's keyring for a time", Args: cobra.NoArgs,
		Long: `Put the store's key into the system's keyring for a time.

The passphrase is then typed once and not at every start: the gateway and the
command line find the key in the kernel's keyring of this user. It is gone when
the time is over, at openclaw secrets lock, and when the machine restarts.`,
		RunE: func(*cobra.Command, []string) error {
			d, err := e.secretDesk()
			if err != nil {
				return err
			}
			if limit < 0 {
				return usage("secrets unlock: --for is %s, expected a positive time", limit)
			}
			if err := d.Record(e.ctx, gateway.SecretNote{Act: "key", Names: []string{"unlock"}}); err != nil {
				return secretError(err)
			}
			if err := d.Store.Unlock(limit); err != nil {
				return secretError(err)
			}
			return e.said(map[string]string{"unlocked": limit.String()}, "The key is in the keyring; openclaw secrets lock takes it out.")
		}}
	c.Flags().DurationVar(&limit, "for", 12*time.Hour, "how long; 0 is until the machine restarts")
	return c
}

func (e *env) cmdSecretsLock() *cobra.Command {
	return &cobra.Command{Use: "lock", Short: "Take the store's key out of the system's keyring", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error {
		d, err := e.secretDesk()
		if err != nil {
			return err
		}
		if err := d.Store.Lock(); err != nil {
			return secretError(err)
		}
		return e.said(map[string]bool{"locked": true}, "The key is not in the keyring any more.")
	}}
}

// keyFlags of secrets key.
type keyFlags struct{ passphrase, file, fresh, print bool }

func (e *env) cmdSecretsKey() *cobra.Command {
	var f keyFlags
	c := &cobra.Command{Use: "key", Short: "Say where the store's key is, or move it", Args: cobra.NoArgs,
		Long: `Say where the store's key is, or move it.

The key is looked for in the system's keyring, in the systemd credential
openclaw-vault-key, under a passphrase (vault.key.age), and in the file
vault.key (mode 0600), in this order.

For a systemd credential: openclaw secrets key --print | systemd-creds encrypt
--name=openclaw-vault-key - FILE, then LoadCredentialEncrypted=openclaw-vault-key:FILE
in the unit, then remove vault.key.`,
		RunE: func(*cobra.Command, []string) error { return e.secretsKey(f) }}
	c.Flags().BoolVar(&f.passphrase, "passphrase", false, "keep it under a passphrase, which is asked for")
	c.Flags().BoolVar(&f.file, "file", false, "keep it in a file that only you can read")
	c.Flags().BoolVar(&f.fresh, "new", false, "make a new key and seal everything with it")
	c.Flags().BoolVar(&f.print, "print", false, "print it, into a pipe; the record has that first")
	c.MarkFlagsMutuallyExclusive("passphrase", "file", "new", "print")
	return c
}

func (e *env) secretsKey(f keyFlags) error {
	d, err := e.secretDesk()
	if err != nil {
		return err
	}
	record := func(what string) error {
		return d.Record(e.ctx, gateway.SecretNote{Act: "key", Names: []string{what}})
	}
	switch {
	case f.print:
		if isTerminal(e.print.out) {
			return refused(errors.New("the key is printed into a pipe only"), "openclaw secrets key --print | systemd-creds encrypt --name=openclaw-vault-key - FILE")
		}
		if err := record("print"); err != nil {
			return secretError(err)
		}
		return secretError(d.Store.Key(func(text []byte) error { e.print.line("%s", text[:len(text)-1]); return nil }))
	case f.passphrase:
		pass, err := e.newPassphrase()
		if err != nil {
			return err
		}
		if err := record("to passphrase"); err != nil {
			return secretError(err)
		}
		err = d.Store.Entrust(vault.CustodyPassphrase, pass)
		if err != nil {
			return secretError(err)
		}
		return e.said(map[string]string{"key": string(vault.CustodyPassphrase)}, "The key is under the passphrase now. openclaw secrets unlock keeps it at hand.")
	case f.file:
		if err := record("to file"); err != nil {
			return secretError(err)
		}
		if err := d.Store.Entrust(vault.CustodyFile, vault.Secret{}); err != nil {
			return secretError(err)
		}
		return e.said(map[string]string{"key": string(vault.CustodyFile)}, "The key is in %s now.", d.Paths.Short(d.Paths.State)+"/"+app.StoreKeyFile)
	case f.fresh:
		return e.secretsRekey(d, record)
	}
	l, err := d.Store.List()
	if err != nil {
		return secretError(err)
	}
	return e.said(map[string]string{"key": string(l.Custody)}, "The key is in this place: %s.", l.Custody)
}

func (e *env) secretsRekey(d app.SecretDesk, record func(string) error) error {
	l, err := d.Store.List()
	if err != nil {
		return secretError(err)
	}
	var pass vault.Secret
	if app.KeyIsWrapped(d.Paths) {
		if pass, err = e.newPassphrase(); err != nil {
			return err
		}
	}
	if err := record("new"); err != nil {
		return secretError(err)
	}
	if err := d.Store.Rekey(pass); err != nil {
		return secretError(err)
	}
	if l, err = d.Store.List(); err != nil {
		return secretError(err)
	}
	if err := d.Record(e.ctx, gateway.SecretNote{Act: "key", Names: []string{"new"}, Generation: l.Generation}); err != nil {
		return secretError(err)
	}
	return e.said(map[string]uint64{"generation": l.Generation}, "Everything is sealed with a new key. Earlier copies of the store open with the old one still: rotate what must not be read from them.")
}

// newPassphrase asks twice on a terminal; from a pipe it is one line.
func (e *env) newPassphrase() (vault.Secret, error) {
	first, err := e.secretFrom("New passphrase, at least 12 characters: ")
	if err != nil || e.passphrase() == nil {
		return first, err
	}
	again, err := e.secretFrom("Once more: ")
	if err != nil {
		return first, err
	}
	return first, again.Use(func(b []byte) error {
		if !first.Equal(b) {
			return usage("secrets key: the two are not the same")
		}
		return nil
	})
}

func (e *env) cmdSecretsDoctor() *cobra.Command {
	return &cobra.Command{Use: "doctor", Short: "Look whether the store opens, and what a person should see to", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error {
		d, err := e.secretDesk()
		if err != nil {
			return err
		}
		r := d.Doctor(e.ctx, time.Now())
		if e.print.json {
			if err := e.print.value(r); err != nil {
				return err
			}
		} else {
			for _, l := range r.Lines {
				e.print.row("%-8s %s", l.State, l.What)
				if l.Hint != "" {
					e.print.row("%-8s → %s", "", l.Hint)
				}
			}
		}
		if !r.OK {
			return silent(exitFindings)
		}
		return nil
	}}
}

// renewToken rotates the gateway's token: in the running gateway, so that its
// clients stay connected, or in the files when none runs.
func (e *env) renewToken(d app.SecretDesk, running bool) (stay int, err error) {
	if !running {
		return 0, d.RenewToken(e.ctx)
	}
	var out struct {
		StayConnected int `json:"stayConnected"`
	}
	err = e.withGateway(func(ctx context.Context, c *client) error { return c.call(ctx, "secrets.renewToken", nil, &out) })
	return out.StayConnected, err
}
