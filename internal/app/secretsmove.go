package app

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/openclaw-go/openclaw/internal/atomicfile"
	"github.com/openclaw-go/openclaw/internal/audit"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/configfile"
	"github.com/openclaw-go/openclaw/internal/json5"
	"github.com/openclaw-go/openclaw/internal/vault"
	"github.com/openclaw-go/openclaw/internal/vault/plain"
)

// SecretMove is one credential that moves into the encrypted store.
type SecretMove struct {
	Name string `json:"name"`
	From string `json:"from"`
	Line int    `json:"line,omitempty"`
	Weak bool   `json:"weak,omitempty"`
}

// SecretLeft is one credential that stays where it is.
type SecretLeft struct {
	From string `json:"from"`
	Why  string `json:"why"`
}

// SecretPlan is what moving credentials into the encrypted store would change.
type SecretPlan struct {
	Moves []SecretMove `json:"moves"`
	Left  []SecretLeft `json:"left"`
	Files []string     `json:"files"`
	// Undo takes it back, until Expires.
	Undo *vault.UndoInfo `json:"undo,omitempty"`
	// Copies are earlier copies of the files that hold what was moved: the
	// ones that were removed, and the ones that a person must look at.
	Removed []string `json:"removedCopies,omitempty"`
	Copies  []string `json:"otherCopies,omitempty"`

	values map[string]vault.Secret
	edits  []fileEdit
}

// fileEdit is a file before and after.
type fileEdit struct {
	path        string
	mode        fs.FileMode
	old, edited []byte
}

// ShellFiles says whether start files of shells are changed too: other
// programs may use what stands there.
type ShellFiles uint8

// What is done with start files of shells.
const (
	LeaveShellFiles ShellFiles = iota
	MoveShellFiles
)

// maxPlainFile bounds the files that are looked through.
const maxPlainFile = 4 << 20

// mover works a plan out.
type mover struct {
	desk   SecretDesk
	plan   SecretPlan
	stored vault.Listing
	config []byte
}

// PlanMove finds credentials in the clear. Nothing is changed.
func (d SecretDesk) PlanMove(ctx context.Context, shell ShellFiles) (SecretPlan, error) {
	m := &mover{desk: d, plan: SecretPlan{Moves: []SecretMove{}, Left: []SecretLeft{}, Files: []string{}, values: map[string]vault.Secret{}}}
	l, err := configfile.Load(d.Paths, configfile.Options{Env: lookup(d.Getenv)})
	if err != nil {
		return m.plan, err
	}
	if err := l.Problems.Err(); err != nil {
		return m.plan, err
	}
	if m.stored, err = d.Store.List(); err != nil && !errors.Is(err, vault.ErrNoStore) {
		return m.plan, err
	}
	conf, err := m.read(d.Paths.Config)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return m.plan, err
	}
	m.config = conf.old
	m.literals(l.Config)
	if err := m.secretsFile(ctx, l.Config); err != nil {
		return m.plan, err
	}
	if err := m.variables(l.Config, d.Paths.EnvFile, MoveShellFiles); err != nil {
		return m.plan, err
	}
	for _, name := range []string{".profile", ".bashrc", ".bash_profile", ".zshrc", ".zshenv", ".zprofile", ".config/fish/config.fish"} {
		if err := m.variables(l.Config, filepath.Join(d.Paths.Home, name), shell); err != nil {
			return m.plan, err
		}
	}
	profiles, err := filepath.Glob(filepath.Join(d.Paths.State, "agents", "*", "agent", "auth-profiles.json"))
	if err != nil {
		return m.plan, err
	}
	for _, path := range profiles {
		if err := m.profiles(l.Config, path); err != nil {
			return m.plan, err
		}
	}
	if !bytes.Equal(m.config, conf.old) {
		conf.edited = m.config
		m.plan.edits = append([]fileEdit{conf}, m.plan.edits...)
	}
	for _, e := range m.plan.edits {
		m.plan.Files = append(m.plan.Files, d.Paths.Short(e.path))
	}
	return m.plan, nil
}

// read gives a file that may be changed; what may not be is an error.
func (m *mover) read(path string) (fileEdit, error) {
	b, err := atomicfile.Read(path, maxPlainFile)
	if err != nil {
		return fileEdit{}, err
	}
	fi, err := os.Lstat(path)
	if err != nil {
		return fileEdit{}, err
	}
	return fileEdit{path: path, mode: fi.Mode().Perm(), old: b}, nil
}

func (m *mover) leave(from, why string, args ...any) {
	m.plan.Left = append(m.plan.Left, SecretLeft{from, fmt.Sprintf(why, args...)})
}

// take chooses the name under which a value goes into the store: the same
// value has one name, and a name in use by another value gets a number.
func (m *mover) take(name, value, from string, line int) string {
	secret := vault.NewSecret([]byte(value))
	for n := 1; ; n++ {
		candidate := name
		if n > 1 {
			candidate = fmt.Sprintf("%s_%d", name, n)
		}
		have, taken := m.plan.values[candidate]
		if !taken && slices.ContainsFunc(m.stored.Secrets, func(i vault.Info) bool { return i.Name == candidate }) {
			if have, _ = m.desk.Store.Get(candidate); !have.Equal([]byte(value)) {
				continue
			}
			taken = true
		}
		if taken && !have.Equal([]byte(value)) {
			continue
		}
		m.plan.values[candidate] = secret
		m.plan.Moves = append(m.plan.Moves, SecretMove{candidate, from, line, weakness(secret) == vault.Weak})
		return candidate
	}
}

// refer puts a reference to the store at a place of the configuration, when
// one may stand there.
func (m *mover) refer(pointer, name string) bool {
	path, err := json5.ParsePath(pointer)
	if err != nil {
		return false
	}
	next, err := json5.Set(m.config, path, fmt.Sprintf(`{ source: "store", provider: "default", id: %q }`, name))
	if err != nil {
		return false
	}
	file := filepath.Base(m.desk.Paths.Config)
	_, before := config.ParseBytes(file, m.config, lookup(m.desk.Getenv))
	c, after := config.ParseBytes(file, next, lookup(m.desk.Getenv))
	there := slices.ContainsFunc(c.References(), func(r config.Reference) bool {
		return r.At.Pointer == pointer && r.Secret.Kind == config.SecretStore && r.Secret.ID == name
	})
	if !there || len(after.Only(config.Error)) > len(before.Only(config.Error)) {
		return false
	}
	m.config = next
	return true
}

// literals are credentials in the configuration itself.
func (m *mover) literals(c *config.Config) {
	type literal struct {
		at    claw.ConfigRef
		value string
	}
	var found []literal
	c.Literals(func(at claw.ConfigRef, value string) { found = append(found, literal{at, value}) })
	for _, l := range found {
		from := fmt.Sprintf("%s: %s", l.at.File, l.at.Pointer)
		if filepath.Base(l.at.File) != filepath.Base(m.desk.Paths.Config) {
			m.leave(from, "it stands in a file that is included; put a reference there by hand")
			continue
		}
		words := strings.Split(strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(l.at.Pointer, "channels."), "models.providers."), "skills.entries."), ".")
		name := plain.Name(slices.DeleteFunc(words, func(w string) bool { return w == "auth" || w == "accounts" || w == "vars" })...)
		if !m.refer(l.at.Pointer, "PROBE") {
			m.leave(from, "no reference may stand there")
			continue
		}
		m.refer(l.at.Pointer, m.take(name, l.value, from, l.at.Line))
	}
}

// secretsFile moves what the configuration refers to in secrets.json.
func (m *mover) secretsFile(ctx context.Context, c *config.Config) error {
	p := m.desk.Paths
	file, err := m.read(p.Secrets)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	file.edited = file.old
	res := newResolver(p, lookup(m.desk.Getenv), c, nil, nil)
	for _, r := range c.References() {
		if r.Secret.Kind != config.SecretFile || fileOf(p, c, r.Secret) != p.Secrets || !strings.HasPrefix(r.Secret.ID, "/") {
			continue
		}
		from := p.Short(p.Secrets) + ": " + r.Secret.ID
		v, err := res.Resolve(ctx, r.At.Pointer, refOf(r.Secret))
		if err != nil {
			m.leave(from, "it has no value")
			continue
		}
		if !m.refer(r.At.Pointer, "PROBE") {
			m.leave(from, "%s cannot be changed in %s", r.At.Pointer, r.At.File)
			continue
		}
		path := json5.Path{}
		for _, seg := range strings.Split(r.Secret.ID[1:], "/") {
			one, err := json5.ParsePath(json5.Join("", strings.NewReplacer("~1", "/", "~0", "~").Replace(seg)))
			if err != nil {
				return err
			}
			path = append(path, one...)
		}
		_ = v.Use(func(b []byte) error {
			m.refer(r.At.Pointer, m.take(plain.Name(strings.Split(r.Secret.ID[1:], "/")...), string(b), from, 0))
			return nil
		})
		if file.edited, err = json5.Unset(file.edited, path); err != nil {
			return fmt.Errorf("%s: %w", p.Short(p.Secrets), err)
		}
	}
	m.keep(file)
	return nil
}

func (m *mover) keep(e fileEdit) {
	if !bytes.Equal(e.old, e.edited) {
		m.plan.edits = append(m.plan.edits, e)
	}
}

// isCredential judges a variable by its name and value.
func isCredential(name, value string) bool {
	return audit.SecretVariables(name) && len(value) >= 8 && !strings.HasPrefix(value, "/")
}

// variables moves what a file of variables sets.
func (m *mover) variables(c *config.Config, path string, shell ShellFiles) error {
	short := m.desk.Paths.Short(path)
	file, err := m.read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if errors.Is(err, atomicfile.ErrNotOurs) || errors.Is(err, atomicfile.ErrTooLarge) || errors.Is(err, fs.ErrPermission) {
		m.leave(short, "%v", err)
		return nil
	}
	if err != nil {
		return err
	}
	var take []plain.Found
	for _, f := range plain.Variables(file.old, isCredential) {
		from := fmt.Sprintf("%s: %s", short, f.Name)
		used := slices.ContainsFunc(c.References(), func(r config.Reference) bool {
			return r.Secret.Kind == config.SecretTemplate && slices.Contains(r.Secret.Env, f.Name)
		})
		switch {
		case shell == LeaveShellFiles:
			m.leave(from, "other programs may use it; --shell-files moves it")
			continue
		case used:
			m.leave(from, "the configuration puts it into a longer text; a reference must be the whole value")
			continue
		case !vault.IsName(f.Name):
			m.leave(from, "a name of the store is upper case")
			continue
		}
		m.referVariable(c, f.Name, m.take(f.Name, f.Value, from, f.Line))
		take = append(take, f)
	}
	file.edited = plain.WithoutVariables(file.old, take)
	m.keep(file)
	return nil
}

// referVariable lets what read a variable read the store instead.
func (m *mover) referVariable(c *config.Config, variable, name string) {
	referred := false
	for _, r := range c.References() {
		if r.Secret.Kind != config.SecretEnv || r.Secret.ID != variable {
			continue
		}
		referred = true
		if !m.refer(r.At.Pointer, name) {
			m.leave(r.At.File+": "+r.At.Pointer, "it refers to the variable %s still: put a reference to the store there by hand", variable)
		}
	}
	for _, w := range wellKnown {
		if !referred && w.env == variable {
			m.referProvider(c, w.name, name)
			return
		}
	}
}

// referProvider gives a model provider its key, when it has none of its own.
func (m *mover) referProvider(c *config.Config, provider, name string) {
	if own := c.Models.Providers.Get(provider); own != nil && own.APIKey.Set {
		return
	}
	if who, err := defaultProvider(&c.Models.Default); c.Models.Default.APIKey.Set && err == nil && who == provider {
		return
	}
	if !slices.ContainsFunc(wellKnown, func(w struct{ name, api, baseURL, env string }) bool { return w.name == provider }) {
		return
	}
	m.refer(json5.Join("models.providers", provider)+".apiKey", name)
}

// profiles moves the keys of an agent's auth-profiles.json.
func (m *mover) profiles(c *config.Config, path string) error {
	short := m.desk.Paths.Short(path)
	file, err := m.read(path)
	if err != nil {
		m.leave(short, "%v", err)
		return nil
	}
	found, err := plain.Profiles(file.old)
	if err != nil {
		m.leave(short, "%v", err)
		return nil
	}
	for i := range found {
		found[i].Name = m.take(found[i].Name, found[i].Value, short, found[i].Line)
		m.referProvider(c, found[i].Provider, found[i].Name)
	}
	if file.edited, err = plain.WithoutProfiles(file.old, found); err != nil {
		return fmt.Errorf("%s: %w", short, err)
	}
	m.keep(file)
	return nil
}

func hashText(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// Move does what was planned: the values go into the store together with the
// files as they are, and then the files are changed. Stopped half-way, it may
// be done again.
func (d SecretDesk) Move(ctx context.Context, plan SecretPlan) (SecretPlan, error) {
	if len(plan.Moves) == 0 {
		return plan, nil
	}
	var names []string
	for _, m := range plan.Moves {
		if !slices.Contains(names, m.Name) {
			names = append(names, m.Name)
		}
	}
	var kept []vault.Kept
	for _, e := range plan.edits {
		kept = append(kept, vault.Kept{Path: e.path, Mode: e.mode, Content: e.old, Now: hashText(e.edited)})
	}
	_, err := d.change(ctx, "migrate", names, func(e *vault.Edit) error {
		var added []string
		for _, n := range names {
			if e.Has(n) {
				continue // the plan looked: it has this value
			}
			added = append(added, n)
			if err := e.Set(n, plan.values[n], weakness(plan.values[n])); err != nil {
				return err
			}
		}
		undo, err := e.KeepUndo(kept, added)
		plan.Undo = &undo
		return err
	})
	if err != nil {
		return plan, err
	}
	for _, e := range plan.edits {
		if err := d.replace(e.path, e.mode, e.old, e.edited); err != nil {
			return plan, fmt.Errorf("%s: %w; openclaw secrets undo %s takes back what was changed", d.Paths.Short(e.path), err, plan.Undo.ID)
		}
	}
	plan.Removed, plan.Copies, err = d.clearCopies(plan)
	return plan, err
}

// replace changes a file that is still what it was.
func (d SecretDesk) replace(path string, mode fs.FileMode, old, edited []byte) error {
	if path == d.Paths.Config {
		_, err := configfile.Edit(d.Paths, configfile.Options{Env: lookup(d.Getenv)}, func(src []byte) ([]byte, error) {
			if !bytes.Equal(src, old) {
				return nil, configfile.ErrChanged
			}
			return edited, nil
		})
		return err
	}
	now, err := atomicfile.Read(path, maxPlainFile)
	if err != nil {
		return err
	}
	if !bytes.Equal(now, old) {
		return errors.New("it changed meanwhile")
	}
	if mode&0o077 == 0 {
		return atomicfile.Write(path, edited)
	}
	return atomicfile.WriteShared(path, edited, mode)
}

// clearCopies removes copies of the configuration that hold what was moved.
// An archive is a person's to look at.
func (d SecretDesk) clearCopies(plan SecretPlan) (removed, left []string, err error) {
	for _, path := range PlainCopies(d.Paths) {
		short := d.Paths.Short(path)
		b, rerr := atomicfile.Read(path, maxPlainFile)
		if rerr != nil || strings.HasSuffix(path, ".gz") {
			left = append(left, short)
			continue
		}
		holds := false
		for _, v := range plan.values {
			_ = v.Use(func(value []byte) error { holds = holds || bytes.Contains(b, value); return nil })
		}
		if !holds {
			continue
		}
		if rerr := os.Remove(path); rerr != nil {
			err = errors.Join(err, rerr)
			left = append(left, short)
			continue
		}
		removed = append(removed, short)
	}
	return removed, left, err
}

// Undo puts the files back as they were before a move and removes what it
// added to the store. A file that was changed since stays, and so does the
// copy.
func (d SecretDesk) Undo(ctx context.Context, id string) ([]string, error) {
	if _, err := d.undo(ctx, id); err != nil {
		return nil, err
	}
	var u vault.Undo
	var back []string
	_, err := d.change(ctx, "undo", []string{id}, func(e *vault.Edit) (err error) {
		if u, err = e.Undo(id); err != nil {
			return err
		}
		for _, n := range u.Secrets {
			if i, ok := e.Info(n); ok && !i.Changed.Equal(u.Made) {
				return &HintError{Err: fmt.Errorf("%s was replaced since: undo would bring its old value back", n), Advice: "openclaw secrets rm " + n + " first, when the old value is good still"}
			}
		}
		if back, err = d.putBack(u.Kept); err != nil {
			return err
		}
		for _, n := range u.Secrets {
			if e.Has(n) {
				if err := e.Remove(n); err != nil {
					return err
				}
			}
		}
		e.DropUndo(id)
		return nil
	})
	if err != nil {
		return back, err
	}
	return back, d.dropConfigCopy(u)
}

// putBack writes kept files over what the move left there. All are looked at
// before one is written.
func (d SecretDesk) putBack(kept []vault.Kept) (back []string, err error) {
	left := make([][]byte, len(kept))
	for i, k := range kept {
		if left[i], err = atomicfile.Read(k.Path, maxPlainFile); err != nil {
			return nil, fmt.Errorf("%s: %w", d.Paths.Short(k.Path), err)
		}
		if h := hashText(left[i]); h != k.Now && h != hashText(k.Content) {
			return nil, fmt.Errorf("%s was changed since; nothing is put over it", d.Paths.Short(k.Path))
		}
	}
	for i, k := range kept {
		if err := d.replace(k.Path, k.Mode, left[i], k.Content); err != nil {
			return back, fmt.Errorf("%s: %w", d.Paths.Short(k.Path), err)
		}
		back = append(back, d.Paths.Short(k.Path))
	}
	return back, nil
}

// undo looks whether there is something to undo, before anything is recorded.
func (d SecretDesk) undo(_ context.Context, id string) (vault.UndoInfo, error) {
	l, err := d.Store.List()
	if err != nil {
		return vault.UndoInfo{}, err
	}
	for _, u := range l.Undo {
		if u.ID == id {
			return u, nil
		}
	}
	return vault.UndoInfo{}, fmt.Errorf("secrets: %q: %w", id, vault.ErrNoUndo)
}

// dropConfigCopy: the copy that the edit of the configuration kept holds
// references only, and nothing needs it.
func (d SecretDesk) dropConfigCopy(u vault.Undo) error {
	if !slices.Contains(u.Files, d.Paths.Config) {
		return nil
	}
	err := os.Remove(d.Paths.Config + configfile.BackupSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
