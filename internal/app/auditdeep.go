package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/openclaw-go/openclaw/internal/audit"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/configfile"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/posture"
	"github.com/openclaw-go/openclaw/internal/sandbox"
	"github.com/openclaw-go/openclaw/internal/store"
	"github.com/openclaw-go/openclaw/internal/survey"
	"github.com/openclaw-go/openclaw/internal/survey/engine"
)

// lookDeep looks at what the machine does.
func lookDeep(p configfile.Paths, c *config.Config, s *audit.Snapshot, port int, o AuditOptions) *audit.Live {
	holder, _ := store.Holder(p.State)
	owner := s.Home.Owner
	live := survey.Live(context.Background(), survey.Deep{Port: port, Holder: holder, Firewall: s.Firewall, Engines: engine.Sockets(o.Environ, s.System.UID), Start: starter{list: helpers(), host: o.Host}, Progress: o.Progress})
	if o.Ask != nil && owner == audit.OurHome {
		live.NotInForce, live.Asked = o.Ask()
	}
	if owner != audit.OurHome {
		live.SandboxErr = "the sandbox of this home is not ours"
		return live
	}
	if o.Progress != nil {
		o.Progress("the sandbox")
	}
	measure := o.Sandbox
	if measure == nil {
		measure = func(ctx context.Context, levels []policy.Level) (SandboxTest, error) {
			return TestSandbox(ctx, p, levels, nil)
		}
	}
	held, err := measure(context.Background(), levelsTried(c, p))
	if err != nil {
		live.SandboxErr = err.Error()
		return live
	}
	live.Attacks = attacks(held.Attacks)
	for _, l := range held.Levels {
		live.Levels = append(live.Levels, l.String())
	}
	for _, m := range held.Missing {
		live.Missing = append(live.Missing, m.Guarantee+": "+m.Why)
	}
	return live
}

// levelsTried are the kernel's levels that agents run commands at.
func levelsTried(c *config.Config, p configfile.Paths) []policy.Level {
	out := []policy.Level{}
	for _, a := range posture.Of(c, World(p)).Agents {
		l := a.Rules.Confinement.Level
		if len(a.Rules.Names([]claw.ToolName{"exec"})) == 1 && slices.Contains(KernelLevels(), l) && !slices.Contains(out, l) {
			out = append(out, l)
		}
	}
	return out
}

// nobody is the usual uid of nobody.
const nobody = 65534

// errNoHelpers: the system has no launcher to start helpers with.
var errNoHelpers = errors.New("helpers are started on Linux only")

// hoster is a sandbox that starts helpers.
type hoster interface {
	Host(list []sandbox.Helper) (sandbox.Host, error)
}

// starter starts helpers of a list for the deep audit.
type starter struct {
	list []sandbox.Helper
	// host is a running gateway's, which may start no process by itself any
	// more; nil makes one for the call.
	host sandbox.Runner
}

var _ survey.Starter = starter{}

// Output runs a helper to its end. The launcher lives as long as the call and
// keeps nothing in the home that is looked at.
func (s starter) Output(ctx context.Context, helper string, args ...string) ([]byte, error) {
	i := slices.IndexFunc(s.list, func(h sandbox.Helper) bool { return string(h.Name) == helper })
	if i < 0 {
		return nil, &sandbox.HelperError{Name: sandbox.HelperName(helper), Why: "is not on the list"}
	}
	if !slices.ContainsFunc(s.list[i].Paths, func(p string) bool { _, err := os.Lstat(p); return !errors.Is(err, fs.ErrNotExist) }) {
		return nil, survey.ErrAbsent
	}
	r := s.host
	if r == nil {
		dir, err := os.MkdirTemp("", "openclaw-audit")
		if err != nil {
			return nil, err
		}
		defer func() { _ = os.RemoveAll(dir) }()
		// The launcher of root wants a uid for runs; helpers here keep the caller's.
		if r, err = kernelRunner(filepath.Join(dir, "sandboxes"), nobody, nobody, slog.New(slog.DiscardHandler)); err != nil {
			return nil, err
		}
		defer func() { _ = r.Close() }()
	}
	hosts, ok := r.(hoster)
	if !ok {
		return nil, errNoHelpers
	}
	h, err := hosts.Host(s.list)
	if err != nil {
		return nil, err
	}
	var out, failed bytes.Buffer
	p, err := h.Start(ctx, sandbox.HelperName(helper), args, sandbox.Stdio{Stdout: &out, Stderr: &failed})
	if err != nil {
		return nil, err
	}
	res, err := p.Wait()
	switch {
	case err != nil:
		return nil, err
	case res.TimedOut || res.Killed:
		return nil, errors.New("it did not end in time")
	case res.ExitCode != 0:
		line, _, _ := strings.Cut(strings.TrimSpace(failed.String()), "\n")
		return nil, fmt.Errorf("it ended with %d: %.200s", res.ExitCode, line)
	}
	return out.Bytes(), nil
}
