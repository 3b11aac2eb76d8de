package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"syscall"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/configfile"
	"github.com/openclaw-go/openclaw/internal/gateway"
	"github.com/openclaw-go/openclaw/internal/gateway/access"
	"github.com/openclaw-go/openclaw/internal/gateway/devices"
	"github.com/openclaw-go/openclaw/internal/journal"
	"github.com/openclaw-go/openclaw/internal/posture"
	"github.com/openclaw-go/openclaw/internal/store"
	"github.com/openclaw-go/openclaw/internal/webui"
)

// stopLimit is how long running turns may take to end when the gateway stops.
const stopLimit = 10 * time.Second

// Serving says where a gateway listens.
type Serving struct {
	Addresses []string
	// URL of the Control UI on this machine; "" when it is switched off.
	URL string
	// Held says why the file on disk is not what is in force; "" when it is.
	Held string
}

// Serve listens until ctx ends, then lets running turns end. ready is called
// once, when it answers.
func (a *App) Serve(ctx context.Context, ready func(Serving)) error {
	p := a.posture.now()
	auth, err := a.access(ctx, p.Gateway)
	if err != nil {
		return err
	}
	addrs, err := bindAddrs(p.Gateway)
	if err != nil {
		return err
	}
	if err := gateway.CheckStart(addrs, auth); err != nil {
		return err
	}
	server, err := a.server(p.Gateway, auth)
	if err != nil {
		return err
	}
	listeners, where, err := listen(addrs, p.Gateway.Port)
	if err != nil {
		return err
	}
	a.serving.Store(true)
	defer a.serving.Store(false)
	owner, err := gateway.ListenOwner(a.paths.Socket)
	if err != nil {
		a.log.Warn("the owner's socket is not open", "error", err)
		owner = nil
	}
	if _, err := a.journal.Append(ctx, journal.Entry{Event: journal.GatewayStart, Data: struct {
		Version    string   `json:"version"`
		Generation string   `json:"generation"`
		Addresses  []string `json:"addresses"`
	}{a.version, p.Generation, where}}); err != nil {
		return err
	}
	a.exposer.serve(server)
	a.refresh = func() { a.reread(server) }
	a.accepted = func() { a.applied(server) }
	a.background(server)
	a.channels.start()
	served := make(chan error, 1)
	go func() { served <- server.Serve(listeners, owner) }()
	a.log.Info("gateway started", "version", a.version, "addresses", where)
	s := Serving{Addresses: where, Held: a.posture.notInForce()}
	if p.Gateway.ControlUI {
		s.URL = "http://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(p.Gateway.Port)) + "/ui/"
	}
	ready(s)
	select {
	case err = <-served:
	case <-ctx.Done():
	}
	return errors.Join(err, a.stop(server))
}

// stop lets what runs end, marks what does not, and records the end.
func (a *App) stop(server *gateway.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), stopLimit)
	defer cancel()
	a.exposer.stop()
	err := server.Shutdown(ctx, "stopping")
	a.engine.Stop(ctx)
	a.log.Info("gateway stopped")
	_, jerr := a.journal.Append(context.Background(), journal.Entry{Event: journal.GatewayStop})
	return errors.Join(err, jerr)
}

// background starts what goes on beside requests: the configuration is
// watched, questions expire, the record is verified once, the home is watched,
// and audited at night.
func (a *App) background(server *gateway.Server) {
	if err := a.alerts.start(); err != nil {
		a.log.Error("the home is not watched", "error", err)
	}
	a.wg.Go(a.witness)
	a.wg.Add(3)
	go func() {
		defer a.wg.Done()
		a.watch(server)
	}()
	go func() {
		defer a.wg.Done()
		tick := time.NewTicker(5 * time.Second)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				a.desk.Expire()
				a.exposer.expire(time.Now())
			case <-a.life.Done():
				return
			}
		}
	}()
	go func() {
		defer a.wg.Done()
		timer := time.NewTimer(2 * time.Second)
		defer timer.Stop()
		select {
		case <-timer.C:
			if _, err := a.record.Verify(a.life); err != nil {
				a.log.Error("the journal was not verified", "error", err)
			}
			// What the start and this check took is not needed again.
			debug.FreeOSMemory()
			gateway.Rest()
		case <-a.life.Done():
		}
	}()
}

// applied tells the server what a new posture means for it. Listeners stay:
// another bind or port takes effect at the next start.
func (a *App) applied(server *gateway.Server) {
	g := a.posture.now().Gateway
	server.SetExposure(gateway.Exposure{Completions: g.Completions, Invoke: g.Invoke})
	auth, err := a.access(a.life, g)
	if err == nil {
		err = server.SetAuth(auth)
	}
	if err != nil {
		a.log.Error("the new authentication was not taken", "error", err)
	}
	if err := a.prepareWorkspaces(); err != nil {
		a.log.Error("a workspace was not made", "error", err)
	}
	a.exposer.review()
	a.sayOutgrown()
	a.wg.Go(a.channels.reconcile)
	a.log.Info("configuration applied", "generation", a.posture.now().Generation)
}

// access resolves gateway.auth. A reference without value stops the start.
func (a *App) access(ctx context.Context, g posture.Gateway) (access.Config, error) {
	c := access.Config{Mode: access.Mode(g.AuthMode), UserHeader: g.TrustedProxy.UserHeader, RequiredHeaders: g.TrustedProxy.RequiredHeaders,
		AllowUsers: g.TrustedProxy.AllowUsers, AllowLoopbackProxy: g.TrustedProxy.AllowLoopback, AllowedOrigins: g.Origins}
	for _, s := range g.TrustedProxies {
		prefix, err := netip.ParsePrefix(s)
		if err != nil {
			addr, aerr := netip.ParseAddr(s)
			if aerr != nil {
				return c, fmt.Errorf("gateway.trustedProxies: %q is neither an address nor a prefix", s)
			}
			prefix = netip.PrefixFrom(addr, addr.BitLen())
		}
		c.Proxies = append(c.Proxies, prefix)
	}
	key, ref := "gateway.auth.token", g.Token
	switch c.Mode {
	case access.Token:
	case access.Password:
		key, ref = "gateway.auth.password", g.Password
	case access.TrustedProxy, access.None, access.Unset:
		return c, nil
	}
	if ref.Kind == config.NoSecret {
		// A configuration without a token still has the one of its home.
		ref = config.SecretRef{Kind: config.SecretFile, Provider: "default", ID: "/gateway/token"}
	}
	s, err := a.secrets.resolve(ctx, key, ref)
	if err != nil {
		return c, err
	}
	return c, s.Use(func(b []byte) error {
		c.Secret = string(b)
		return nil
	})
}

// server builds the gateway's server over this App.
func (a *App) server(g posture.Gateway, auth access.Config) (*gateway.Server, error) {
	book, err := devices.Open(a.store.Documents(store.FolderDevices), time.Now, rand.Reader)
	if err != nil {
		return nil, err
	}
	device, err := a.store.Device()
	if err != nil {
		return nil, err
	}
	o := gateway.Options{Version: a.version, Auth: auth, HTTP: gateway.Exposure{Completions: g.Completions, Invoke: g.Invoke},
		ToolsAllow: g.ToolsAllow, ToolsDeny: g.ToolsDeny, Agent: a.surface, Sessions: a.sessions, Approvals: a.desk, Standing: a.standing, Tools: toolDesk{a}, Models: a.models,
		Journal: a.record, Posture: &overview{app: a, devices: book}, Logs: logTail{a}, Channels: a.channels, Ready: a, Identity: device, Devices: book, Exposer: a.exposer, Runs: operatorRuns{a}, Measures: a, Alerts: a.alerts, Lockdown: a.locks, Metrics: http.HandlerFunc(a.alerts.serveMetrics), Secrets: secretNotes{a},
		Now: time.Now, Random: rand.Reader, Log: a.log}
	if g.ControlUI {
		host, err := os.Hostname()
		if err != nil {
			host = "this machine"
		}
		o.UI, o.UIHeaders = webui.Handler(webui.Options{Host: host, User: a.user, Version: a.version}), webui.SetHeaders
	}
	return gateway.New(o)
}

// Ready implements gateway.Readiness.
func (a *App) Ready() []string {
	var out []string
	if s := a.record.last(); s.State == "damaged" {
		out = append(out, "the journal is damaged: "+s.Problem)
	}
	return out
}

// bindAddrs are the addresses that gateway.bind means on this machine.
func bindAddrs(g posture.Gateway) ([]netip.Addr, error) {
	loopback := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	switch g.Bind {
	case config.BindLoopback, config.BindAuto:
		return []netip.Addr{loopback}, nil
	case config.BindLAN:
		return []netip.Addr{netip.IPv4Unspecified()}, nil
	case config.BindCustom:
		addr, err := netip.ParseAddr(g.CustomHost)
		if err != nil {
			return nil, &HintError{Err: fmt.Errorf("%s: gateway.customBindHost %q is no address", g.BindRef, g.CustomHost), Advice: "bind custom needs the one address to listen on, for example that of a WireGuard interface"}
		}
		if addr.IsLoopback() || addr.IsUnspecified() {
			return []netip.Addr{addr}, nil
		}
		if err := checkCustom(addr, g.BindRef.String()); err != nil {
			return nil, err
		}
		return []netip.Addr{loopback, addr}, nil
	case config.BindTailnet:
		addr, err := tailnetAddr()
		if err != nil {
			return nil, err
		}
		return []netip.Addr{loopback, addr}, nil
	}
	return nil, fmt.Errorf("gateway.bind %q is not one of loopback, lan, tailnet, custom", g.Bind)
}

// tailnetAddr finds this machine's address in 100.64.0.0/10.
func tailnetAddr() (netip.Addr, error) {
	ifs, err := net.InterfaceAddrs()
	if err != nil {
		return netip.Addr{}, err
	}
	cgnat := netip.MustParsePrefix("100.64.0.0/10")
	for _, i := range ifs {
		if p, err := netip.ParsePrefix(i.String()); err == nil && cgnat.Contains(p.Addr().Unmap()) {
			return p.Addr().Unmap(), nil
		}
	}
	return netip.Addr{}, &HintError{Err: errors.New("gateway.bind is tailnet, and this machine has no tailnet address"), Advice: "run tailscale up first, or keep bind loopback and publish it with tailscale serve"}
}

func listen(addrs []netip.Addr, port int) ([]net.Listener, []string, error) {
	var out []net.Listener
	var where []string
	for _, addr := range addrs {
		at := netip.AddrPortFrom(addr, uint16(port)).String()
		l, err := net.Listen("tcp", at)
		if err != nil {
			for _, o := range out {
				_ = o.Close()
			}
			if errors.Is(err, syscall.EADDRINUSE) {
				who := PortOwner(port)
				if who == "" {
					who = "something"
				}
				return nil, nil, &HintError{Err: fmt.Errorf("%s listens on %s already", who, at), Advice: "openclaw gateway status; another port: openclaw config set gateway.port N, or OPENCLAW_GATEWAY_PORT"}
			}
			return nil, nil, fmt.Errorf("cannot listen on %s: %w", at, err)
		}
		out, where = append(out, l), append(where, at)
	}
	return out, where, nil
}

// LogFile is where the gateway's log lies.
func LogFile(p configfile.Paths, c *config.Config) string {
	if v := c.Logging.File.Path; v.Set && v.V != "" {
		if abs := p.Expand(v.V); filepath.IsAbs(abs) {
			return abs
		}
	}
	return filepath.Join(p.Logs, "gateway.log")
}

var operatorAct = claw.Principal{Surface: claw.SurfaceCLI, Standing: claw.Owner}
