package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/spf13/cobra"

	"github.com/openclaw-go/openclaw/internal/app"
	"github.com/openclaw-go/openclaw/internal/atomicfile"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/configfile"
	"github.com/openclaw-go/openclaw/internal/gateway"
)

// startFlags are those of every command that starts the gateway.
type startFlags struct {
	allowRoot, accept, print bool
	unrestricted             bool
	port                     int
}

func (f *startFlags) add(c *cobra.Command) {
	c.Flags().BoolVar(&f.allowRoot, "allow-root", false, "run although this is root; commands of agents run as an unprivileged uid")
	c.Flags().BoolVar(&f.accept, "accept", false, "accept a configuration that loosens what was accepted before")
	c.Flags().BoolVar(&f.print, "print", false, "print a sign-in link although the output is no terminal")
	c.Flags().BoolVar(&f.unrestricted, "no-self-restriction", false, "keep all rights after the start; the audit reports it")
	c.Flags().IntVar(&f.port, "port", 0, "listen on this `PORT` this time")
}

func (e *env) cmdUp() *cobra.Command {
	var f startFlags
	c := &cobra.Command{
		Use:   "up",
		Short: "Create the hardened home if there is none, then run the gateway",
		Long: `Create the hardened home if there is none, then run the gateway.

Prints the address of the Control UI, on a terminal with a sign-in link that
works once, and runs until it is stopped (Ctrl-C, or openclaw gateway stop).
Output that goes into a file or a service's log has no link, which others
could read there: openclaw dashboard makes one, or --print.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := app.CheckRoot(f.allowRoot); err != nil {
				return refused(err, hintOf(err))
			}
			p, err := e.home(app.HomeOptions{Port: f.port})
			if err != nil {
				return err
			}
			return e.runGateway(p, f)
		},
	}
	f.add(c)
	return c
}

// home makes the home when there is none and says what was made.
func (e *env) home(o app.HomeOptions) (configfile.Paths, error) {
	p, err := e.paths()
	if err != nil {
		return p, usage("%w", err)
	}
	state, err := app.LookHome(p)
	if err != nil {
		return p, cannot(err, "")
	}
	switch state {
	case app.HomeOurs:
		return p, nil
	case app.HomeUpstream:
		if _, err := app.PlanMigration(p, e.getenv); err != nil && hintOf(err) != "" {
			return p, refused(err, hintOf(err)) // it cannot be taken over, for this reason
		}
		return p, refused(fmt.Errorf("%s is the configuration of another OpenClaw, which is left alone", p.Config),
			"openclaw migrate --dry-run shows what taking it over changes; or use a home of its own: openclaw --profile NAME up")
	case app.HomeAbsent:
	}
	if o.Port == 0 && p.Profile != "" && !p.Port.Set && p.DefaultPort == 0 {
		// Two profiles side by side share no port.
		if o.Port, err = freePort(); err != nil {
			return p, cannot(err, "")
		}
	}
	made, err := app.CreateHome(p, o)
	if err != nil {
		return p, cannot(err, "")
	}
	e.print.note("made a hardened home in %s", p.Short(made.State))
	return p, nil
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	a, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		return 0, errors.New("no free port was found")
	}
	return a.Port, nil
}

// runGateway runs the gateway until it is stopped.
func (e *env) runGateway(p configfile.Paths, f startFlags) error {
	if f.port != 0 {
		if f.port < 1 || f.port > 65535 {
			return usage("--port %d is not between 1 and 65535", f.port)
		}
		p.Port = config.Value[int]{V: f.port, Origin: config.Origin{Set: true, Ref: claw.ConfigRef{Pointer: "--port"}}}
	}
	l, err := configfile.Load(p, configfile.Options{Env: e.lookup})
	if err != nil {
		return &failure{code: exitUsage, err: err, hint: "openclaw config validate"}
	}
	e.warnings(l.Problems)
	if err := l.Problems.Err(); err != nil {
		return &failure{code: exitUsage, err: err, hint: "the file was left as it is; check it with openclaw config validate"}
	}
	accept := app.HoldLooser
	if f.accept || e.confirmLooser(p, l.Config) {
		accept = app.AcceptLooser
	}
	state := app.HoldLooser // a yes to a configuration is none to older rights
	if f.accept {
		state = app.AcceptLooser
	}
	log, err := app.NewLog(p, l.Config, e.print.err)
	if err != nil {
		return cannot(err, "")
	}
	defer func() { _ = log.Close() }()
	a, err := app.Open(e.ctx, app.Options{Paths: p, Loaded: l, Version: version, Getenv: e.getenv, Accept: accept, AcceptState: state, By: claw.Principal{Surface: claw.SurfaceCLI, Standing: claw.Owner}, Log: log, Passphrase: e.passphrase()})
	if err != nil {
		return startError(err)
	}
	defer func() {
		if err := a.Close(); err != nil {
			e.print.note("while closing: %v", err)
		}
	}()
	ready := func(s app.Serving) {
		e.announce(s, f)
		if r, err := a.Audit(); err == nil {
			e.print.line("audit        %s   (openclaw security audit)", app.AuditLine(r))
		}
		e.restrict(a, f)
	}
	if err := a.Serve(e.ctx, ready); err != nil {
		return startError(err)
	}
	return nil
}

// restrict has the gateway give up what it does not need. It goes on without,
// which status and audit say.
func (e *env) restrict(a *app.App, f startFlags) {
	give := a.RestrictSelf
	if f.unrestricted {
		give = func() error { return a.LeaveUnrestricted("started with --no-self-restriction") }
	}
	if err := give(); err != nil {
		e.print.note("the gateway has not restricted itself: %v", err)
	}
}

// warnings prints what a person should know of the configuration.
func (e *env) warnings(ps config.Problems) {
	for _, w := range ps.Only(config.Warning) {
		e.print.note("warning: %s", w)
	}
}

// confirmLooser asks on a terminal whether a looser file is meant.
func (e *env) confirmLooser(p configfile.Paths, c *config.Config) bool {
	if !isTerminal(e.stdin) {
		return false
	}
	changes, err := app.LooserThanSealed(p, c)
	if err != nil || len(changes) == 0 {
		return false
	}
	e.print.note("the configuration loosens what was accepted before:")
	for _, ch := range changes {
		e.print.note("  %s", ch)
	}
	e.suggested(p, keysOf(changes)...)
	return e.yes("Put it in force?")
}

// yes asks a question on a terminal; anything but y is no.
func (e *env) yes(question string) bool {
	fmt.Fprintf(e.print.err, "%s [y/N] ", question)
	var answer [64]byte
	n, err := e.stdin.Read(answer[:])
	if err != nil && !errors.Is(err, io.EOF) {
		return false
	}
	return strings.EqualFold(strings.TrimSpace(string(answer[:n])), "y")
}

func startError(err error) error {
	var held *atomicfile.HeldError
	var start *gateway.StartError
	var problems config.Problems
	switch {
	case errors.As(err, &held):
		return cannot(fmt.Errorf("a gateway of this home runs already (process %d)", held.PID), "openclaw gateway status; to stop it: openclaw gateway stop")
	case errors.As(err, &start):
		return &failure{code: exitRefused, err: err, hint: start.Hint}
	case errors.As(err, &problems):
		return &failure{code: exitUsage, err: err, hint: "openclaw config validate"}
	}
	return cannot(err, hintOf(err))
}

// announce says where the gateway is, on a terminal with a link that signs a
// browser in once. A log is read by others than the operator (R18).
func (e *env) announce(s app.Serving, f startFlags) {
	if s.Held != "" {
		e.print.note("warning: %s", s.Held)
	}
	e.print.line("openclaw %s listens on %s", version, strings.Join(s.Addresses, ", "))
	if s.URL != "" {
		line := s.URL + "   (for a link that signs one browser in: openclaw dashboard)"
		if f.print || isTerminal(e.print.out) {
			if link, err := e.loginLink(s.URL); err == nil {
				line = link + "   (signs one browser in, for two minutes)"
			}
		}
		e.print.line("Control UI  %s", line)
	}
	e.print.line("talk to it   openclaw agent --message help")
}

// loginLink asks the running gateway for a single-use sign-in link.
func (e *env) loginLink(base string) (string, error) {
	c, err := e.dial()
	if err != nil {
		return "", err
	}
	defer c.close()
	ctx, cancel := context.WithTimeout(e.ctx, dialTimeout)
	defer cancel()
	var out struct {
		Path string `json:"path"`
	}
	if err := c.call(ctx, "login.link", nil, &out); err != nil {
		return "", err
	}
	return strings.TrimSuffix(base, "/ui/") + out.Path, nil
}

func (e *env) lookup(name string) (string, bool) {
	v := e.getenv(name)
	return v, v != ""
}

func (e *env) cmdOnboard() *cobra.Command {
	var port int
	var nonInteractive, acceptRisk bool
	c := &cobra.Command{
		Use:     "onboard",
		Aliases: []string{"setup", "init"},
		Short:   "Create the hardened home without starting anything",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			p, err := e.paths()
			if err != nil {
				return usage("%w", err)
			}
			state, err := app.LookHome(p)
			if err != nil {
				return cannot(err, "")
			}
			if state == app.HomeAbsent && port == 0 && !nonInteractive && isTerminal(e.stdin) {
				e.print.note("this makes %s with the guide's hardened baseline: loopback only, token, messaging tools for main, an allowlist for workbench", p.Short(p.State))
				if !e.yes("Make it?") {
					return silent(exitOK)
				}
			}
			if p, err = e.home(app.HomeOptions{Port: port}); err != nil {
				return err
			}
			if e.print.json {
				return e.print.value(map[string]any{"state": p.State, "config": p.Config, "existed": state == app.HomeOurs})
			}
			e.print.line("home    %s", p.Short(p.State))
			e.print.line("config  %s", p.Short(p.Config))
			e.print.line("start   openclaw up")
			return nil
		},
	}
	c.Flags().IntVar(&port, "port", 0, "`PORT` of the gateway; default 8765")
	c.Flags().BoolVar(&nonInteractive, "non-interactive", false, "ask nothing")
	c.Flags().BoolVar(&acceptRisk, "accept-risk", false, "accepted for scripts")
	return c
}

func (e *env) cmdDashboard() *cobra.Command {
	var noOpen, print bool
	c := &cobra.Command{Use: "dashboard", Short: "Print a link that signs one browser in to the Control UI", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error {
		base, err := e.uiBase()
		if err != nil {
			return err
		}
		link, err := e.loginLink(base)
		if err != nil {
			return err
		}
		if e.print.json {
			return e.print.value(map[string]string{"url": link})
		}
		e.print.line("%s", link)
		at := strings.TrimSuffix(strings.TrimPrefix(base, "http://"), "/ui/")
		_, port, _ := strings.Cut(at, ":")
		e.print.note("it works once, within two minutes; from another machine: ssh -L %s:%s first", port, at)
		return nil
	}}
	c.Flags().BoolVar(&noOpen, "no-open", false, "accepted for scripts; nothing is opened")
	c.Flags().BoolVar(&print, "print", false, "accepted for scripts; it is always printed")
	return c
}

// uiBase is the address of the Control UI on this machine.
func (e *env) uiBase() (string, error) {
	p, err := e.paths()
	if err != nil {
		return "", usage("%w", err)
	}
	l, err := configfile.Load(p, configfile.Options{Env: e.lookup})
	if err != nil {
		return "", cannot(err, "")
	}
	port := app.PortOf(p, l.Config)
	return fmt.Sprintf("http://127.0.0.1:%d/ui/", port), nil
}
