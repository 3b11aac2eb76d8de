package app

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/openclaw-go/openclaw/internal/atomicfile"
	"github.com/openclaw-go/openclaw/internal/audit"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/configfile"
	"github.com/openclaw-go/openclaw/internal/journal"
	"github.com/openclaw-go/openclaw/internal/vault"
)

// SecretRow is one credential of a home, without its value.
type SecretRow struct {
	Name   string `json:"name"`
	Source string `json:"source"` // store, env, file, exec, template, or plain
	// Keys of the configuration that refer to it.
	Keys    []string   `json:"keys"`
	Changed *time.Time `json:"changed,omitempty"`
	// AgeDays is absent where nothing says when it was changed.
	AgeDays  *int       `json:"ageDays,omitempty"`
	Due      bool       `json:"due"`
	LastUsed *time.Time `json:"lastUsed,omitempty"`
	// Hosts that it may be sent to, and those that were not accepted yet.
	Hosts   []string `json:"hosts"`
	Waiting []string `json:"waiting,omitempty"`
	// Weak values cannot be masked in text.
	Weak bool `json:"weak,omitempty"`
	// Problem says why it has no value.
	Problem string `json:"problem,omitempty"`
	Hint    string `json:"hint,omitempty"`
}

// SecretList is every credential of a home.
type SecretList struct {
	Secrets []SecretRow `json:"secrets"`
	// Store says where the key of the encrypted store is; "" without a store.
	Store      string `json:"store,omitempty"`
	Generation uint64 `json:"generation,omitempty"`
	// Locked says why the encrypted store does not open.
	Locked string           `json:"locked,omitempty"`
	Undo   []vault.UndoInfo `json:"undo,omitempty"`
}

// maxUses bounds how many uses are looked through for the last one of each.
const maxUses = 5000

// List tells of every credential that the configuration refers to or the store
// holds. It opens no value of the store and starts no program.
func (d SecretDesk) List(ctx context.Context, now time.Time) (SecretList, error) {
	l, err := configfile.Load(d.Paths, configfile.Options{Env: lookup(d.Getenv)})
	if err != nil {
		return SecretList{}, err
	}
	out := SecretList{Secrets: []SecretRow{}}
	stored, err := d.Store.List()
	switch {
	case err == nil:
		out.Store, out.Generation, out.Undo = string(stored.Custody), stored.Generation, stored.Undo
	case !errors.Is(err, vault.ErrNoStore):
		out.Locked = err.Error()
	}
	rows := rowsOf(l.Config, stored)
	d.resolveRows(ctx, l.Config, rows)
	hosts(d.Paths, l.Config, rows)
	d.ages(l.Config, stored, rows, now)
	if err := d.lastUses(ctx, rows); err != nil {
		return out, err
	}
	for _, r := range rows {
		out.Secrets = append(out.Secrets, r.SecretRow)
	}
	slices.SortStableFunc(out.Secrets, func(a, b SecretRow) int { return strings.Compare(a.Source+" "+a.Name, b.Source+" "+b.Name) })
	return out, nil
}

// secretRow is a row with what finds it.
type secretRow struct {
	SecretRow
	ref config.SecretRef
	// credential is what posture calls it.
	credential string
}

// rowsOf makes a row for each credential, once.
func rowsOf(c *config.Config, stored vault.Listing) []*secretRow {
	var rows []*secretRow
	find := func(source, name string) *secretRow {
		i := slices.IndexFunc(rows, func(r *secretRow) bool { return r.Source == source && r.Name == name })
		if i >= 0 {
			return rows[i]
		}
		rows = append(rows, &secretRow{SecretRow: SecretRow{Name: name, Source: source, Keys: []string{}, Hosts: []string{}}})
		return rows[len(rows)-1]
	}
	for _, i := range stored.Secrets {
		r := find("store", i.Name)
		r.Weak, r.ref = i.Weak, config.SecretRef{Kind: config.SecretStore, Provider: vault.DefaultProvider, ID: i.Name}
	}
	for _, ref := range c.References() {
		name := ref.Secret.ID
		switch ref.Secret.Kind {
		case config.SecretTemplate:
			name = strings.Join(ref.Secret.Env, ", ")
		case config.SecretFile, config.SecretExec:
			name = ref.Secret.Provider + ":" + ref.Secret.ID
		case config.NoSecret, config.SecretLiteral, config.SecretEnv, config.SecretStore:
		}
		r := find(ref.Secret.Kind.String(), name)
		r.ref, r.Keys = ref.Secret, append(r.Keys, ref.At.Pointer)
	}
	if c.Gateway.Auth.Token.V.Kind == config.NoSecret && !c.Gateway.Auth.Password.Set {
		r := find("file", "default:/gateway/token")
		r.ref, r.Keys = homeToken, append(r.Keys, "gateway.auth.token")
	}
	c.Literals(func(at claw.ConfigRef, value string) {
		r := find("plain", at.Pointer)
		r.Keys, r.Weak = append(r.Keys, at.Pointer), weakness(vault.NewSecret([]byte(value))) == vault.Weak
	})
	for _, r := range rows {
		if r.ref.Kind != config.NoSecret {
			r.credential = r.ref.String()
		}
	}
	return rows
}

// homeToken is where a configuration that names no token has one.
var homeToken = config.SecretRef{Kind: config.SecretFile, Provider: vault.DefaultProvider, ID: "/gateway/token"}

// resolveRows says what has no value. A program is not started to know it, and
// the store is asked for names only.
func (d SecretDesk) resolveRows(ctx context.Context, c *config.Config, rows []*secretRow) {
	res := newResolver(d.Paths, lookup(d.Getenv), c, d.Store, nil)
	for _, r := range rows {
		switch r.ref.Kind {
		case config.NoSecret, config.SecretLiteral, config.SecretExec:
			continue
		case config.SecretEnv, config.SecretFile, config.SecretStore, config.SecretTemplate:
		}
		key := r.Name
		if len(r.Keys) > 0 {
			key = r.Keys[0]
		}
		v, err := res.Resolve(ctx, key, refOf(r.ref))
		var u *vault.UnresolvedError
		switch {
		case errors.As(err, &u):
			r.Problem, r.Hint = u.Why, u.Hint
		case err == nil && r.ref.Kind != config.SecretStore:
			r.Weak = weakness(v) == vault.Weak
		}
	}
}

// hosts says whom a secret may be sent to: model providers that were accepted
// for it, and what secrets.bindings say.
func hosts(p configfile.Paths, c *config.Config, rows []*secretRow) {
	accepted, err := acceptedPosture(p)
	known := err == nil
	for _, cred := range credentials(c) {
		for _, r := range rows {
			plain := r.Source == "plain" && slices.ContainsFunc(r.Keys, func(k string) bool {
				return "of provider "+providerOfKey(c, k) == cred.Name
			})
			if r.credential != cred.Name && !plain {
				continue
			}
			if known && !accepted.Carries(cred) {
				r.Waiting = append(r.Waiting, cred.Host)
			} else {
				r.Hosts = append(r.Hosts, cred.Host)
			}
		}
	}
	for _, b := range c.Secrets.Bindings {
		name := b.V.Secret.V.String()
		if b.V.Secret.V.Kind == config.NoSecret {
			name = config.SecretRef{Kind: config.SecretStore, Provider: vault.DefaultProvider, ID: b.Key}.String()
		}
		for _, r := range rows {
			if r.credential == name && b.V.Host.V != "" {
				r.Hosts = append(r.Hosts, b.V.Host.V+b.V.Path.V)
			}
		}
	}
	for _, r := range rows {
		slices.Sort(r.Hosts)
		r.Hosts = slices.Compact(r.Hosts)
	}
}

// providerOfKey is the model provider whose key stands at a place of the
// configuration, "" when none does.
func providerOfKey(c *config.Config, pointer string) string {
	rest, ok := strings.CutPrefix(pointer, "models.providers.")
	if ok {
		name, _, _ := strings.Cut(rest, ".")
		return name
	}
	if pointer == "models.default.apiKey" {
		name, _ := defaultProvider(&c.Models.Default)
		return name
	}
	return ""
}

// ages says when a secret was changed, where something says so.
func (d SecretDesk) ages(c *config.Config, stored vault.Listing, rows []*secretRow, now time.Time) {
	for _, r := range rows {
		var at time.Time
		switch r.ref.Kind {
		case config.SecretStore:
			if i := slices.IndexFunc(stored.Secrets, func(i vault.Info) bool { return i.Name == r.ref.ID }); i >= 0 {
				at = stored.Secrets[i].Changed
			}
		case config.SecretFile:
			at = modified(fileOf(d.Paths, c, r.ref))
		case config.NoSecret, config.SecretLiteral:
			at = modified(d.Paths.Config)
		case config.SecretEnv, config.SecretExec, config.SecretTemplate:
		}
		if at.IsZero() {
			continue
		}
		r.Changed = &at
		// A clock that was set back makes a secret younger than nothing.
		if age := now.Sub(at); age >= 0 {
			days := int(age.Hours() / 24)
			r.AgeDays, r.Due = &days, age > audit.MaxKeyAge
		}
	}
}

// fileOf is the file that a reference of source file reads.
func fileOf(p configfile.Paths, c *config.Config, ref config.SecretRef) string {
	if prov := c.Secrets.Providers.Get(ref.Provider); prov != nil {
		return p.Expand(prov.Path.V)
	}
	if ref.Provider == vault.DefaultProvider {
		return p.Secrets
	}
	return ""
}

func modified(path string) time.Time {
	fi, err := os.Stat(path)
	if path == "" || err != nil {
		return time.Time{}
	}
	return fi.ModTime()
}

// lastUses reads the record from its end.
func (d SecretDesk) lastUses(ctx context.Context, rows []*secretRow) error {
	found, err := journal.OpenReader(JournalFiles(d.Paths, lookup(d.Getenv))).Search(ctx, journal.Filter{Events: []journal.Event{journal.SecretUse}, Limit: maxUses})
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range found {
		var use struct {
			Ref   string   `json:"ref"`
			Names []string `json:"names"`
		}
		if json.Unmarshal(e.Data, &use) != nil {
			continue
		}
		for _, r := range rows {
			if r.LastUsed == nil && (use.Ref != "" && use.Ref == r.credential || r.Source == "store" && slices.Contains(use.Names, r.Name)) {
				at := e.Time
				r.LastUsed = &at
			}
		}
	}
	return nil
}

// PlainCopies are earlier copies of files that hold credentials in the clear,
// or may: nothing reads them any more.
func PlainCopies(p configfile.Paths) []string {
	var out []string
	for _, pattern := range []string{p.Config + ".bak*", filepath.Join(p.State, "config-backups", "*")} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			continue
		}
		for _, path := range found {
			if b, err := atomicfile.Read(path, maxPlainFile); err == nil && !strings.HasSuffix(path, ".gz") && !holdsLiteral(path, b) {
				continue
			}
			out = append(out, path)
		}
	}
	return out
}

// holdsLiteral reports a copy of a configuration with a credential in it.
func holdsLiteral(path string, text []byte) bool {
	c, _ := config.ParseBytes(filepath.Base(path), text, nil)
	holds := false
	c.Literals(func(claw.ConfigRef, string) { holds = true })
	return holds
}
