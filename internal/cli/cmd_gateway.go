package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/openclaw-go/openclaw/internal/app"
	"github.com/openclaw-go/openclaw/internal/atomicfile"
	"github.com/openclaw-go/openclaw/internal/configfile"
	"github.com/openclaw-go/openclaw/internal/store"
)

func (e *env) cmdGateway() *cobra.Command {
	var f startFlags
	run := func(*cobra.Command, []string) error {
		if err := app.CheckRoot(f.allowRoot); err != nil {
			return refused(err, hintOf(err))
		}
		p, err := e.existingHome()
		if err != nil {
			return err
		}
		return e.runGateway(p, f)
	}
	c := &cobra.Command{Use: "gateway", Short: "Run and manage the gateway", Args: cobra.NoArgs, RunE: run}
	f.add(c)
	runCmd := &cobra.Command{Use: "run", Short: "Run the gateway of an existing home in the foreground", Args: cobra.NoArgs, RunE: run}
	f.add(runCmd)
	c.AddCommand(runCmd,
		&cobra.Command{Use: "status", Short: "Say whether the gateway runs", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error { return e.gatewayStatus() }},
		&cobra.Command{Use: "stop", Short: "Stop the gateway; running turns may end first", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error { return e.gatewayStop() }},
		e.cmdGatewayRestart(), e.cmdGatewayInstall(), e.cmdGatewayUninstall(), e.cmdGatewayToken(), e.cmdGatewayExpose(), e.cmdGatewayTailscale())
	return c
}

// existingHome is the home in use, which must be ours.
func (e *env) existingHome() (configfile.Paths, error) {
	p, err := e.paths()
	if err != nil {
		return p, usage("%w", err)
	}
	state, err := app.LookHome(p)
	switch {
	case err != nil:
		return p, cannot(err, "")
	case state == app.HomeAbsent:
		return p, cannot(fmt.Errorf("there is no home at %s", p.Short(p.State)), "make one and start: openclaw up")
	case state == app.HomeUpstream:
		return p, refused(fmt.Errorf("%s is the configuration of another OpenClaw, which is left alone", p.Config), "openclaw --profile NAME up")
	}
	return p, nil
}

func (e *env) gatewayStatus() error {
	p, err := e.existingHome()
	if err != nil {
		return err
	}
	pid, held := store.Holder(p.State)
	open := e.exposedNow(held)
	l, lerr := configfile.Load(p, configfile.Options{Env: e.lookup})
	port := 0
	if lerr == nil {
		port = app.PortOf(p, l.Config)
	}
	out := map[string]any{"running": held, "state": p.State, "port": port}
	// Somebody else's listener on this home's port would be handed what clients
	// send to the gateway.
	squatter := ""
	if held {
		out["pid"] = pid
	} else if squatter = app.PortOwner(port); squatter != "" {
		out["portOwner"] = squatter
	}
	if open != nil {
		out["exposed"] = open
	}
	if e.print.json {
		if err := e.print.value(out); err != nil {
			return err
		}
	} else if held {
		e.print.line("running, process %d, port %d, home %s", pid, port, p.Short(p.State))
		if open != nil && open.UntilMs > 0 {
			e.print.line("open to other machines on %s, %s", strings.Join(open.Addresses, ", "), remaining(*open))
		}
	} else {
		e.print.line("not running, home %s", p.Short(p.State))
		if squatter != "" {
			e.print.line("%s listens on port %d, which is this gateway's: do not sign in there", squatter, port)
		}
	}
	if !held {
		return silent(exitCannot)
	}
	return nil
}

// stopWait is how long a gateway may take to stop.
const stopWait = 20 * time.Second

func (e *env) gatewayStop() error {
	p, err := e.existingHome()
	if err != nil {
		return err
	}
	pid, held := store.Holder(p.State)
	if !held {
		e.print.line("not running")
		return nil
	}
	proc, err := os.FindProcess(pid)
	if err == nil {
		err = proc.Signal(syscall.SIGTERM)
	}
	if err != nil {
		return cannot(fmt.Errorf("process %d: %w", pid, err), "")
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	limit := time.NewTimer(stopWait)
	defer limit.Stop()
	for {
		if _, held := store.Holder(p.State); !held {
			e.print.line("stopped")
			return nil
		}
		select {
		case <-tick.C:
		case <-limit.C:
			return cannot(fmt.Errorf("process %d did not stop within %s", pid, stopWait), "openclaw logs")
		case <-e.ctx.Done():
			return cannot(e.ctx.Err(), "")
		}
	}
}

func (e *env) cmdGatewayRestart() *cobra.Command {
	var f startFlags
	c := &cobra.Command{Use: "restart", Short: "Stop the gateway and run it here again", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error {
		if err := app.CheckRoot(f.allowRoot); err != nil {
			return refused(err, hintOf(err))
		}
		p, err := e.existingHome()
		if err != nil {
			return err
		}
		if _, err := os.Lstat(unitPath(p)); err == nil {
			return refused(errors.New("this gateway is a service: restarting it here would leave two"), "systemctl --user restart "+unitName(p))
		}
		if err := e.gatewayStop(); err != nil {
			return err
		}
		return e.runGateway(p, f)
	}}
	f.add(c)
	return c
}

// unitName is the name of the service of a home.
func unitName(p configfile.Paths) string {
	if p.Profile != "" {
		return "openclaw-" + p.Profile
	}
	return "openclaw"
}

func unitPath(p configfile.Paths) string {
	if runtime.GOOS == "darwin" {
		return filepath.Join(p.Home, "Library", "LaunchAgents", "dev.openclaw."+unitName(p)+".plist")
	}
	return filepath.Join(p.Home, ".config", "systemd", "user", unitName(p)+".service")
}

func (e *env) cmdGatewayInstall() *cobra.Command {
	var user bool
	c := &cobra.Command{
		Use:   "install",
		Short: "Write a service file for this user: systemd, or launchd on macOS",
		Long: `Write a service file for this user: systemd, or launchd on macOS.

The file is written and the two commands that switch it on are printed; nothing
is started, so that you can read it first.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			p, err := e.existingHome()
			if err != nil {
				return err
			}
			self, err := os.Executable()
			if err != nil {
				return cannot(err, "")
			}
			path := unitPath(p)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				return cannot(err, "")
			}
			text, next := unitText(self, p), "systemctl --user daemon-reload && systemctl --user enable --now "+unitName(p)+" && loginctl enable-linger"
			if runtime.GOOS == "darwin" {
				text, next = plistText(self, p), "launchctl bootstrap gui/$(id -u) "+path
			}
			if err := atomicfile.WriteShared(path, []byte(text), 0o644); err != nil {
				return cannot(err, "")
			}
			e.print.line("wrote %s", path)
			e.print.line("switch it on: %s", next)
			return nil
		},
	}
	c.Flags().BoolVar(&user, "user", true, "for this user; there is no other form")
	return c
}

func (e *env) cmdGatewayUninstall() *cobra.Command {
	return &cobra.Command{Use: "uninstall", Short: "Remove the service file", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error {
		p, err := e.existingHome()
		if err != nil {
			return err
		}
		path := unitPath(p)
		if err := os.Remove(path); err != nil {
			return cannot(err, "")
		}
		e.print.line("removed %s", path)
		e.print.line("switch it off: systemctl --user disable --now %s; systemctl --user daemon-reload", unitName(p))
		return nil
	}}
}

// unitText is a hardened user unit: what a user's own manager can hold without
// privileges. User namespaces stay allowed, since the sandbox of agents'
// commands is made of them. deploy/systemd has a system unit that holds more.
func unitText(self string, p configfile.Paths) string {
	env := unitQuote("OPENCLAW_STATE_DIR=" + p.State)
	return `[Unit]
Description=OpenClaw gateway (` + unitName(p) + `)
After=network-online.target

[Service]
ExecStart=` + unitQuote(self) + ` gateway run
Environment=` + env + `
Restart=on-failure
RestartSec=2
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
SystemCallArchitectures=native
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
LimitCORE=0
UMask=0077
TimeoutStopSec=20
Delegate=yes

[Install]
WantedBy=default.target
`
}

// unitQuote writes a word so that systemd takes it as it is.
func unitQuote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "%", "%%").Replace(s) + `"`
}

func plistText(self string, p configfile.Paths) string {
	x := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace
	return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0"><dict>
<key>Label</key><string>dev.openclaw.` + x(unitName(p)) + `</string>
<key>ProgramArguments</key><array><string>` + x(self) + `</string><string>gateway</string><string>run</string></array>
<key>EnvironmentVariables</key><dict><key>OPENCLAW_STATE_DIR</key><string>` + x(p.State) + `</string></dict>
<key>RunAtLoad</key><true/>
<key>KeepAlive</key><dict><key>SuccessfulExit</key><false/></dict>
</dict></plist>
`
}

func (e *env) cmdGatewayToken() *cobra.Command {
	var reveal, rotate bool
	c := &cobra.Command{
		Use:   "token",
		Short: "Show where the gateway's token is, reveal it, or make a new one",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			p, err := e.existingHome()
			if err != nil {
				return err
			}
			if rotate {
				d, err := e.secretDesk()
				if err != nil {
					return err
				}
				return e.rotateToken(d)
			}
			if !reveal {
				e.print.line("the token is %s; openclaw gateway token --reveal prints it", app.TokenPlace(p, e.lookup))
				return nil
			}
			if _, held := store.Holder(p.State); held {
				if err := e.withGateway(func(ctx context.Context, c *client) error { return c.call(ctx, "token.revealed", nil, nil) }); err != nil {
					return err
				}
			}
			token, err := app.RevealToken(e.ctx, p, e.getenv, e.passphrase())
			if err != nil {
				return cannot(err, hintOf(err))
			}
			if e.print.json {
				return e.print.value(map[string]string{"token": token})
			}
			e.print.line("%s", token)
			return nil
		},
	}
	c.Flags().BoolVar(&reveal, "reveal", false, "print it; the journal has that first")
	c.Flags().BoolVar(&rotate, "rotate", false, "replace it by a fresh one")
	return c
}
