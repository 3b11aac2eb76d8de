//go:build linux && (amd64 || arm64)

package attack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/sandbox"
)

// pass is the suite at one level.
type pass struct {
	ctx   context.Context
	o     Options
	level policy.Level
	f     *field
	held  policy.Guarantees // of the machine
	out   []Outcome
}

// Run makes every attempt at one level and says what became of each. The
// outcomes come in a fixed order. A level that cannot be held here leaves all
// of them unmeasured, with the reason.
func Run(ctx context.Context, o Options, level policy.Level) []Outcome {
	s := o.Runner.Support()
	if !s.Supports(level) {
		return failed(level, names(), errors.New(lacking(s, level)))
	}
	p, err := plant(o, s.UID, s.GID)
	if err != nil {
		return failed(level, names(), err)
	}
	defer p.clear()
	x := &pass{ctx: ctx, o: o, level: level, f: &p.field, held: s.Guarantees}
	end, err := x.victim()
	if err != nil {
		return failed(level, names(), fmt.Errorf("attack: no process to aim at: %w", err))
	}
	defer end()
	x.inside()
	x.after()
	for _, b := range bombs() {
		x.bomb(b)
	}
	x.race()
	return x.out
}

// names are those of all outcomes, in their order.
func names() []string {
	out := []string{}
	for _, a := range attempts() {
		out = append(out, a.name)
	}
	out = append(out, leftOutside, leftSteering)
	for _, b := range bombs() {
		out = append(out, b.name)
	}
	return append(out, raceWrite, raceRead)
}

func lacking(s sandbox.Support, level policy.Level) string {
	missing := level.Guarantees() &^ s.Guarantees
	for _, m := range s.Missing {
		if slices.Contains(missing.Names(), m.Guarantee) {
			return fmt.Sprintf("level %s cannot be held here: %s: %s", level, m.Guarantee, m.Why)
		}
	}
	return fmt.Sprintf("level %s cannot be held here", level)
}

func (x *pass) start(conf policy.Confinement, c sandbox.Cmd) (sandbox.Process, error) {
	permit, err := x.o.Permit(conf)
	if err != nil {
		return nil, err
	}
	return x.o.Runner.Start(x.ctx, permit, c)
}

// run gives what a program said, without line ends.
func (x *pass) run(conf policy.Confinement, c sandbox.Cmd) (sandbox.Result, string, error) {
	var out, said bytes.Buffer
	c.Stdout, c.Stderr = &out, &said
	p, err := x.start(conf, c)
	if err != nil {
		return sandbox.Result{}, "", err
	}
	res, err := p.Wait()
	if err == nil && res.ExitCode != 0 && said.Len() > 0 {
		err = errors.New(strings.TrimSpace(said.String()))
	}
	return res, strings.TrimSpace(out.String()), err
}

// background starts a program that says when it is ready; end kills it.
func (x *pass) background(conf policy.Confinement, c sandbox.Cmd) (end func(), err error) {
	r, w := io.Pipe()
	var said bytes.Buffer
	c.Stdout, c.Stderr = w, &said
	p, err := x.start(conf, c)
	if err != nil {
		return nil, err
	}
	go func() {
		_, werr := p.Wait()
		_ = w.CloseWithError(errors.Join(io.EOF, werr))
	}()
	word := make([]byte, 16)
	n, err := r.Read(word)
	go func() { _, _ = io.Copy(io.Discard, r) }()
	end = func() {
		_ = p.Kill()
		_, _ = p.Wait()
	}
	if string(word[:n]) != "ready\n" {
		end()
		return nil, fmt.Errorf("it said %q and %q: %w", word[:n], said.String(), errors.Join(err, io.ErrUnexpectedEOF))
	}
	return end, nil
}

// victim starts a process of the same uid with nothing around it.
func (x *pass) victim() (end func(), err error) {
	end, err = x.background(policy.Confinement{Level: policy.LevelProcess}, x.f.command("block", x.f.Marker))
	if err != nil {
		return nil, err
	}
	if x.f.Victim, err = programOf(x.f.Marker); err != nil {
		end()
		return nil, err
	}
	return end, nil
}

// programOf finds the one process that has an argument.
func programOf(marker string) (int, error) {
	lists, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return 0, err
	}
	for _, l := range lists {
		argv, err := os.ReadFile(l)
		if err == nil && strings.HasSuffix(string(argv), "\x00"+marker+"\x00") {
			return strconv.Atoi(filepath.Base(filepath.Dir(l)))
		}
	}
	return 0, fmt.Errorf("no process has the argument %q", marker)
}

func (x *pass) mustStop(from strictness) bool {
	switch from {
	case always:
		return true
	case atConfined:
		return x.level == policy.LevelConfined || x.level == policy.LevelIsolated
	case atIsolated:
		return x.level == policy.LevelIsolated
	case never, control:
	}
	return false
}

func (x *pass) add(name string, from strictness, class Class, detail string) {
	x.out = append(x.out, Outcome{Attempt: name, Level: x.level, Class: class, Detail: detail, Must: x.mustStop(from), Control: from == control})
}

const markerVariable = "OPENCLAW_ATTACK_MARKER"

// inside makes the attempts of one program in one run.
func (x *pass) inside() {
	got := map[string]answer{}
	input, err := json.Marshal(x.f)
	if err == nil {
		_ = os.Setenv(markerVariable, x.f.Marker)
		defer func() { _ = os.Unsetenv(markerVariable) }()
		cmd := x.f.command("attempts")
		cmd.Stdin = bytes.NewReader(input)
		var out string
		if _, out, err = x.run(x.f.profile(x.level), cmd); err == nil {
			err = json.Unmarshal([]byte(out), &got)
		}
	}
	for _, a := range attempts() {
		r, tried := got[a.name]
		switch {
		case !tried:
			x.add(a.name, a.from, Unmeasured, fmt.Sprint("not tried: ", err))
		case r.Errno == 0:
			x.add(a.name, a.from, NotStopped, "")
		case r.Errno > 0:
			x.add(a.name, a.from, Blocked, unix.ErrnoName(syscall.Errno(r.Errno)))
		case strings.HasPrefix(r.Text, absent):
			x.add(a.name, never, Unmeasured, strings.TrimPrefix(r.Text, absent))
		default:
			x.add(a.name, a.from, Blocked, r.Text)
		}
	}
}

// absent begins the text of an attempt that found nothing to aim at.
const absent = "nothing to aim at: "

const (
	leftOutside  = "leave a file outside"
	leftSteering = "leave a changed steering file"
)

// after looks from outside at what the attempts left.
func (x *pass) after() {
	class, what := Blocked, ""
	for _, name := range []string{"escape", "through", "gone"} {
		if _, err := os.Lstat(filepath.Join(x.f.Open, name)); err == nil {
			class, what = NotStopped, name
		}
	}
	x.add(leftOutside, atConfined, class, what)
	class, what = Blocked, ""
	if b, err := os.ReadFile(x.f.Workspace + "/AGENTS.md"); err != nil || string(b) != steering {
		class, what = NotStopped, "AGENTS.md"
	}
	for _, name := range []string{".envrc", ".vscode", ".git/hooks/pre-commit"} {
		if _, err := os.Lstat(filepath.Join(x.f.Workspace, name)); err == nil {
			class, what = NotStopped, name
		}
	}
	x.add(leftSteering, atConfined, class, what)
}
