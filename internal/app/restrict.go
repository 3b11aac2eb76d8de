package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/openclaw-go/openclaw/internal/atomicfile"
	"github.com/openclaw-go/openclaw/internal/audit"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/configfile"
	"github.com/openclaw-go/openclaw/internal/gateway"
	"github.com/openclaw-go/openclaw/internal/sandbox"
)

// restriction is what this gateway gave up, once it did.
type restriction struct {
	mu    sync.Mutex
	state *audit.SelfRestriction
	own   sandbox.Own
}

func restrictionPath(p configfile.Paths) string {
	return filepath.Join(p.State, "run", "restriction.json")
}

// RestrictSelf gives up for good what the gateway does not need of this
// machine, once it serves, and writes down what that was. Only the command that
// runs a gateway calls it: it holds for the whole process.
func (a *App) RestrictSelf() error {
	own, left := a.needs()
	x := audit.SelfRestriction{PID: os.Getpid(), Hidden: own.Hidden, Left: left}
	r, ok := a.machine.(sandbox.SelfRestrictor)
	err := sandbox.ErrNoSelfRestriction
	if ok {
		var got sandbox.Restricted
		got, err = r.RestrictSelf(own)
		x.LandlockABI, x.Filter, x.Writes = got.LandlockABI, got.Filter, got.Writes
	}
	if err != nil {
		x.Err = err.Error()
	}
	return errors.Join(err, a.keepRestriction(x, own))
}

// LeaveUnrestricted writes down that the gateway was told not to restrict
// itself.
func (a *App) LeaveUnrestricted(why string) error {
	return a.keepRestriction(audit.SelfRestriction{PID: os.Getpid(), Err: why}, sandbox.Own{})
}

func (a *App) keepRestriction(x audit.SelfRestriction, own sandbox.Own) error {
	a.restricted.mu.Lock()
	a.restricted.state, a.restricted.own = &x, own
	a.restricted.mu.Unlock()
	b, err := json.Marshal(x)
	if err != nil {
		return err
	}
	path := restrictionPath(a.paths)
	if err := atomicfile.MkdirAll(filepath.Dir(path)); err != nil {
		return err
	}
	return atomicfile.Write(path, append(b, '\n'))
}

// needs is what the gateway goes on needing, and what therefore cannot be given
// up.
func (a *App) needs() (own sandbox.Own, left []string) {
	p, c := a.posture.now(), a.posture.config()
	own.Write = append([]string{a.paths.State, filepath.Dir(a.paths.Config), filepath.Dir(journalPath(a.paths, c)), filepath.Dir(LogFile(a.paths, c)), os.TempDir()}, workspacesOf(p)...)
	slices.Sort(own.Write)
	own.Write = slices.Compact(own.Write)
	own.Hidden = privateHomes(a.paths.Home)
	if dir := filepath.Dir(a.paths.Config); dir == a.paths.Home {
		left = append(left, "the home directory, since the configuration lies in it")
	}
	own.Read = append(own.Read, filepath.Join(a.paths.Home, ".config", "systemd"), filepath.Join(a.paths.Home, ".agents"), a.paths.Expand(c.Gateway.Egress.CAFile.V))
	if exe, err := os.Executable(); err == nil {
		own.Read = append(own.Read, exe)
	}
	for _, e := range c.Secrets.Providers {
		own.Read = append(own.Read, a.paths.Expand(e.V.Path.V))
	}
	for _, d := range config.Strings(c.Skills.Load.ExtraDirs) {
		own.Read = append(own.Read, a.paths.Expand(d))
	}
	for _, ag := range p.Agents {
		f := ag.Rules.Files
		own.Read = append(own.Read, slices.Concat(f.ReadRoots, ag.Rules.Confinement.ReadRoots)...)
		if f.WorkspaceOnly || f.Workspace == "" {
			continue
		}
		if len(ag.Rules.Names([]claw.ToolName{"read", "write", "edit", "apply_patch"})) > 0 {
			own.Hidden = nil
			left = append(left, "all files, since agent "+string(ag.ID)+" reads outside its workspace")
		}
		if len(ag.Rules.Names([]claw.ToolName{"write", "edit", "apply_patch"})) > 0 {
			own.Write = append(own.Write, "/")
			left = append(left, "writing all files, since agent "+string(ag.ID)+" does")
		}
	}
	own.Read = slices.DeleteFunc(own.Read, func(s string) bool { return !filepath.IsAbs(s) })
	return own, append(left, "connections to everywhere, which are decided in this process", "sockets by path, among them a container engine's", "signals to processes of the same user", "key rings")
}

// privateHomes are the places where people keep what is theirs.
func privateHomes(home string) []string {
	out := []string{}
	for _, dir := range []string{"/root", "/home", home} {
		real, err := filepath.EvalSymlinks(dir)
		if err != nil || real == "/" || slices.ContainsFunc(out, func(o string) bool { return within(real, o) }) {
			continue
		}
		out = append(out, real)
	}
	return out
}

func within(path, dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }

// outgrown names what a configuration needs that was given up at the start.
func (a *App) outgrown() []string {
	a.restricted.mu.Lock()
	state, had := a.restricted.state, a.restricted.own
	a.restricted.mu.Unlock()
	if state == nil || state.LandlockABI == 0 {
		return nil
	}
	now, _ := a.needs()
	out := []string{}
	for _, p := range now.Write {
		if !slices.ContainsFunc(had.Write, func(o string) bool { return o == "/" || within(p, o) }) {
			out = append(out, p)
		}
	}
	for _, p := range now.Read {
		hidden := slices.ContainsFunc(had.Hidden, func(h string) bool { return within(p, h) })
		if hidden && !slices.ContainsFunc(slices.Concat(had.Write, had.Read), func(o string) bool { return within(p, o) }) {
			out = append(out, p)
		}
	}
	if len(had.Hidden) > len(now.Hidden) {
		out = append(out, "private homes")
	}
	return out
}

// sayOutgrown logs what only a restart gives.
func (a *App) sayOutgrown() {
	if more := a.outgrown(); len(more) > 0 {
		a.log.Warn("the configuration needs what this gateway gave up at its start: restart it", "paths", more)
	}
}

// selfInForce is the row of the overview.
func (a *App) selfInForce() gateway.InForce {
	a.restricted.mu.Lock()
	x := a.restricted.state
	a.restricted.mu.Unlock()
	row := gateway.InForce{Name: "self", Level: gateway.Look, AtMs: a.started.UnixMilli()}
	switch more := a.outgrown(); {
	case x == nil:
		row.Level, row.Text = gateway.Unmeasured, "the gateway has not restricted itself yet"
	case x.Err != "":
		row.Text = "the gateway is not restricted: " + x.Err
	case len(more) > 0:
		row.Text = "restart the gateway: it gave up " + strings.Join(more, ", ")
	case x.LandlockABI == 0:
		row.Text = "the gateway starts no programs; its files are not restricted, since this kernel has no Landlock"
	default:
		row.Level, row.Text = gateway.Fine, fmt.Sprintf("the gateway writes beneath %d places and starts no programs", len(x.Writes))
	}
	return row
}

// lookRestriction is what a running gateway wrote down, with what the kernel
// says of its process now; nil when it wrote nothing.
func lookRestriction(p configfile.Paths, pid int) *audit.SelfRestriction {
	b, err := atomicfile.Read(restrictionPath(p), 1<<20)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	x := &audit.SelfRestriction{}
	if err == nil {
		err = json.Unmarshal(b, x)
	}
	if err != nil {
		return &audit.SelfRestriction{PID: pid, Err: err.Error()}
	}
	x.Seccomp, x.NoNewPrivs = 0, 0
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return x
	}
	for line := range strings.Lines(string(status)) {
		key, value, _ := strings.Cut(line, ":")
		n, err := strconv.Atoi(strings.TrimSpace(value))
		switch {
		case err != nil:
		case key == "Seccomp":
			x.Seccomp = n
		case key == "NoNewPrivs":
			x.NoNewPrivs = n
		}
	}
	return x
}
