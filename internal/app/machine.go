package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/configfile"
	"github.com/openclaw-go/openclaw/internal/gateway"
	"github.com/openclaw-go/openclaw/internal/journal"
	"github.com/openclaw-go/openclaw/internal/posture"
	"github.com/openclaw-go/openclaw/internal/survey"
)

// MachineChange is something that an operator has changed outside the home.
type MachineChange struct {
	What     string   `json:"what"` // "firewall", "tailscale serve"
	Commands []string `json:"commands"`
}

// RecordMachine puts a change on the record of a home without a gateway,
// before it happens. A home with one has the gateway do that.
func RecordMachine(ctx context.Context, p configfile.Paths, env func(string) (string, bool), c MachineChange) error {
	l, err := configfile.Load(p, configfile.Options{Env: env})
	if err != nil {
		return err
	}
	return note(ctx, p, l.Config, journal.Entry{Event: journal.MachineChange, Principal: operatorAct, Data: c})
}

// Reachable is what a change of the ways to a gateway has to know of it.
type Reachable struct {
	Port int
	Bind string
	// Proof: whoever connects has to prove who they are.
	Proof     bool
	Tailscale string
}

// ReachOf reads the configuration of a home.
func ReachOf(p configfile.Paths, env func(string) (string, bool)) (Reachable, error) {
	l, err := configfile.Load(p, configfile.Options{Env: env})
	if err != nil {
		return Reachable{}, err
	}
	if err := l.Problems.Err(); err != nil {
		return Reachable{}, err
	}
	g := posture.Of(l.Config, World(p)).Gateway
	return Reachable{Port: g.Port, Bind: string(g.Bind), Proof: g.AuthMode != config.AuthNone, Tailscale: string(g.Tailscale)}, nil
}

// Tailscale is a machine's tailscale program.
type Tailscale struct{ start survey.Starter }

// NewTailscale starts the installed program, and no other, as a helper.
func NewTailscale() Tailscale { return Tailscale{start: starter{list: helpers()}} }

// TailscaleDoor is a way by which the tailnet, or the world, reaches this
// machine.
type TailscaleDoor struct {
	At      string `json:"at"`
	To      string `json:"to"`
	Gateway bool   `json:"gateway"`
	Funnel  bool   `json:"funnel,omitempty"`
}

// TailscaleState is what the program says.
type TailscaleState struct {
	State string          `json:"state"` // "Running", "Stopped", "NeedsLogin" …
	Doors []TailscaleDoor `json:"doors"`
}

// ErrNoTailscale: the program is not installed where only root can change it.
var ErrNoTailscale = errors.New("tailscale is not installed")

// Status asks what leads to this machine.
func (t Tailscale) Status(ctx context.Context, port int) (TailscaleState, error) {
	got := survey.TailscaleOf(ctx, t.start, port)
	switch {
	case got.Absent:
		return TailscaleState{}, ErrNoTailscale
	case got.Err != "":
		return TailscaleState{}, errors.New(got.Err)
	}
	out := TailscaleState{State: got.State, Doors: []TailscaleDoor{}}
	for _, d := range got.Doors {
		out.Doors = append(out.Doors, TailscaleDoor{At: d.At, To: d.To, Gateway: d.Gateway, Funnel: d.Funnel})
	}
	return out, nil
}

// Run runs the program with what was shown to the operator.
func (t Tailscale) Run(ctx context.Context, args ...string) error {
	_, err := t.start.Output(ctx, tailscaleServe, args...)
	if errors.Is(err, survey.ErrAbsent) {
		return ErrNoTailscale
	}
	return err
}

// checkCustom refuses a public address that is on no WireGuard interface:
// whoever scans for it would reach the gateway.
func checkCustom(addr netip.Addr, ref string) error {
	addr = addr.Unmap()
	if addr.IsPrivate() || addr.IsLinkLocalUnicast() || addr.IsLoopback() || addr.IsUnspecified() || carrierNAT().Contains(addr) {
		return nil
	}
	name, err := interfaceOf(addr)
	if err != nil {
		return err
	}
	if name != "" && wireGuard("/sys/class/net", name) {
		return nil
	}
	where := "no interface of this machine"
	if name != "" {
		where = "interface " + name + ", which is not WireGuard"
	}
	return &gateway.StartError{Option: "gateway.customBindHost", Problem: fmt.Sprintf("%s: %s is a public address on %s", ref, addr, where),
		Hint: "bind to the address of a WireGuard interface, or to loopback and come by ssh -L or tailscale serve (docs/network.md)"}
}

func carrierNAT() netip.Prefix { return netip.MustParsePrefix("100.64.0.0/10") }

// interfaceOf names the interface that has an address; "" when none has.
func interfaceOf(addr netip.Addr) (string, error) {
	list, err := net.Interfaces()
	if err != nil {
		return "", err
	}
	for _, i := range list {
		addrs, err := i.Addrs()
		if err != nil {
			continue
		}
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Unmap() == addr {
				return i.Name, nil
			}
		}
	}
	return "", nil
}

// wireGuard reports an interface of the kernel's WireGuard, or a tunnel of a
// program's that is called like one.
func wireGuard(root, name string) bool {
	if b, err := os.ReadFile(filepath.Join(root, name, "uevent")); err == nil && strings.Contains("\n"+string(b), "\nDEVTYPE=wireguard\n") {
		return true
	}
	_, err := os.Lstat(filepath.Join(root, name, "tun_flags"))
	return err == nil && strings.HasPrefix(name, "wg")
}
