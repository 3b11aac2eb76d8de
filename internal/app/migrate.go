package app

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/openclaw-go/openclaw/internal/atomicfile"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/configfile"
	"github.com/openclaw-go/openclaw/internal/journal"
	"github.com/openclaw-go/openclaw/internal/json5"
	"github.com/openclaw-go/openclaw/internal/posture"
)

// maxBackup bounds what a backup before a migration holds.
const maxBackup = 2 << 30

// Migration is what taking a home over changes.
type Migration struct {
	State  string `json:"state"`
	Config string `json:"config"`
	// Port that the home's clients know.
	Port  int           `json:"port"`
	Edits []HomeEdit    `json:"edits"`
	Names []string      `json:"makes"`
	Less  []HomeChange  `json:"restricts"`
	More  []HomeChange  `json:"loosens"`
	Warn  []string      `json:"warnings,omitempty"`
	Done  *MigratedHome `json:"done,omitempty"`
}

// HomeEdit is one value that is written into the configuration.
type HomeEdit struct {
	Path  string `json:"path"`
	Value string `json:"value"`
	Why   string `json:"why"`
}

// HomeChange is one difference in what takes effect.
type HomeChange struct {
	Agent claw.AgentID `json:"agent,omitempty"`
	What  string       `json:"what"`
	From  string       `json:"from"`
	To    string       `json:"to"`
}

// MigratedHome says what was done.
type MigratedHome struct {
	Backup string   `json:"backup"`
	Made   []string `json:"made"`
}

// PlanMigration works out what taking over the home of another OpenClaw would
// change. It touches nothing, and refuses a home that is ours, that is none,
// or whose state this program cannot read.
func PlanMigration(p configfile.Paths, getenv func(string) string) (Migration, error) {
	m := Migration{State: p.State, Config: p.Config, Edits: []HomeEdit{}, Names: []string{}, Less: []HomeChange{}, More: []HomeChange{}}
	state, err := LookHome(p)
	switch {
	case err != nil:
		return m, err
	case state == HomeOurs:
		return m, &HintError{Err: fmt.Errorf("%s is a home of this program already", p.Short(p.State)), Advice: "openclaw up"}
	case state == HomeAbsent:
		return m, &HintError{Err: fmt.Errorf("%s holds no configuration to take over", p.Short(p.State)), Advice: "openclaw up makes a home"}
	}
	if db := database(p); db != "" {
		return m, &HintError{Err: fmt.Errorf("%s keeps the state of this home in SQLite, which is not read: sessions, pairings and approvals would be lost", p.Short(db)),
			Advice: "openclaw security audit judges it as it is; openclaw --profile NAME up makes a home beside it"}
	}
	l, err := configfile.Load(p, configfile.Options{Foreign: true, Env: func(name string) (string, bool) { v := getenv(name); return v, v != "" }})
	if err != nil {
		return m, err
	}
	if err := l.Problems.Err(); err != nil {
		return m, err
	}
	for _, w := range l.Problems {
		m.Warn = append(m.Warn, w.String())
	}
	theirs := World(p)
	theirs.Owner = posture.Upstream
	before := posture.Of(l.Config, theirs)
	after := *l.Config
	m.Port = before.Gateway.Port
	if !after.Gateway.Port.Set && m.Port != posture.Of(&after, World(p)).Gateway.Port {
		m.edit("gateway.port", strconv.Itoa(m.Port), "the port that its clients know")
		after.Gateway.Port = config.Value[int]{V: m.Port, Origin: config.Origin{Set: true}}
	}
	_, err = os.Lstat(p.Secrets)
	if a := &after.Gateway.Auth; !a.Mode.Set && !a.Token.Set && !a.Password.Set && errors.Is(err, fs.ErrNotExist) {
		m.edit("gateway.auth", `{ mode: "token", token: { source: "file", provider: "default", id: "/gateway/token" } }`, "a token of its own, made for it")
	}
	ours := posture.Of(&after, World(p))
	for _, c := range posture.Loosens(ours, before) {
		m.Less = append(m.Less, HomeChange{c.Agent, c.What, c.To, c.From})
	}
	for _, c := range posture.Loosens(before, ours) {
		m.More = append(m.More, HomeChange{c.Agent, c.What, c.From, c.To})
	}
	for _, f := range []string{p.Marker, p.Secrets} {
		if _, err := os.Lstat(f); errors.Is(err, fs.ErrNotExist) {
			m.Names = append(m.Names, f)
		}
	}
	return m, nil
}

func (m *Migration) edit(path, value, why string) {
	m.Edits = append(m.Edits, HomeEdit{path, value, why})
}

// database names the file of a home whose state lies in SQLite, "" for one of
// the file era.
func database(p configfile.Paths) string {
	if f := filepath.Join(p.State, "state", "openclaw.sqlite"); exists(f) {
		return f
	}
	if found, err := filepath.Glob(filepath.Join(p.State, "agents", "*", "agent", "openclaw-agent.sqlite")); err == nil && len(found) > 0 {
		return found[0]
	}
	return ""
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// Migrate takes the home over as planned: a backup first, then the edits, then
// the marker that makes it ours, then the record. When it stops half-way the
// home is still the other's, and may be migrated again.
func (m Migration) Migrate(ctx context.Context, p configfile.Paths, by claw.Principal) (Migration, error) {
	backup, err := backUp(ctx, p, time.Now())
	if err != nil {
		return m, err
	}
	for _, e := range m.Edits {
		at, err := json5.ParsePath(e.Path)
		if err != nil {
			return m, err
		}
		if _, err := configfile.Set(p, configfile.Options{Foreign: true}, at, e.Value); err != nil {
			return m, fmt.Errorf("%s: %w; the backup is %s", e.Path, err, p.Short(backup))
		}
	}
	made, err := CreateHome(p, HomeOptions{})
	if err != nil {
		return m, err
	}
	m.Done = &MigratedHome{Backup: backup, Made: made.Made}
	return m, note(ctx, p, config.Default(), journal.Entry{Event: journal.ConfigChange, Principal: by, Data: struct {
		Change    string       `json:"change"`
		Backup    string       `json:"backup"`
		Edits     []HomeEdit   `json:"edits"`
		Restricts []HomeChange `json:"restricts"`
		Loosens   []HomeChange `json:"loosens"`
	}{"home taken over", filepath.Base(backup), m.Edits, m.Less, m.More}})
}

// backUp writes every file of the state, but for workspaces, logs, earlier
// backups and what runs leave, into one archive that its owner alone reads.
func backUp(ctx context.Context, p configfile.Paths, now time.Time) (path string, err error) {
	dir := filepath.Join(p.State, "config-backups")
	if err := atomicfile.MkdirAll(dir); err != nil {
		return "", err
	}
	path = filepath.Join(dir, "migrate-"+now.UTC().Format("20060102T150405Z")+".tar.gz")
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", fmt.Errorf("backup: %w", err)
	}
	defer func() {
		if err = errors.Join(err, out.Close()); err != nil {
			_ = os.Remove(path)
		}
	}()
	zip := gzip.NewWriter(out)
	w := tar.NewWriter(zip)
	if err := pack(ctx, w, p); err != nil {
		return "", fmt.Errorf("backup: %w", err)
	}
	if err := errors.Join(w.Close(), zip.Close(), out.Sync()); err != nil {
		return "", fmt.Errorf("backup: %w", err)
	}
	return path, nil
}

var notPacked = []string{"config-backups", "logs", "sandboxes", "media", "node_modules", "skills"}

func pack(ctx context.Context, w *tar.Writer, p configfile.Paths) error {
	root, err := os.OpenRoot(p.State)
	if err != nil {
		return err
	}
	defer root.Close()
	left := int64(maxBackup)
	return fs.WalkDir(root.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case d.IsDir() && (slices.Contains(notPacked, path) || strings.HasPrefix(path, "workspace")):
			return fs.SkipDir
		case !d.Type().IsRegular():
			return nil
		}
		f, err := root.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		st, err := f.Stat()
		if err != nil || !st.Mode().IsRegular() {
			return err
		}
		if left -= st.Size(); left < 0 {
			return fmt.Errorf("%s is larger than %d bytes; move away what needs no backup", p.Short(p.State), int64(maxBackup))
		}
		if err := w.WriteHeader(&tar.Header{Name: path, Mode: int64(st.Mode().Perm()), Size: st.Size(), ModTime: st.ModTime()}); err != nil {
			return err
		}
		_, err = io.CopyN(w, f, st.Size())
		return err
	})
}
