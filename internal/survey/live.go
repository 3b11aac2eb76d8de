package survey

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/openclaw-go/openclaw/internal/audit"
	"github.com/openclaw-go/openclaw/internal/survey/engine"
)

// Limits of the probes.
const (
	probeTimeout = 2 * time.Second
	floodProbes  = 5 // fewer than a person looks into (guide, Monitoring: above 10 an hour)
)

// Deep is what --deep looks at besides the files.
type Deep struct {
	// Port of the gateway.
	Port int
	// Holder is the process that holds the home's lock, 0 for none.
	Holder int
	// Firewall of the snapshot, to which the kernel's rules are added; nil asks
	// nothing.
	Firewall *audit.Firewall
	// Engines are sockets of container engines to ask (engine.Sockets).
	Engines []string
	// Start runs helpers; nil leaves Tailscale unasked.
	Start Starter
	// Progress is told what is being looked at; nil is silent.
	Progress func(string)
}

func (d Deep) say(what string) {
	if d.Progress != nil {
		d.Progress(what)
	}
}

// Live probes the gateway of this machine: it connects to the gateway's port
// on this machine's own addresses and to nothing else.
func Live(ctx context.Context, d Deep) *audit.Live {
	l := &audit.Live{}
	d.say("listening sockets")
	l.Listeners = listeners(d.Port)
	for i := range l.Listeners {
		l.Listeners[i].Holder = d.Holder != 0 && l.Listeners[i].PID == d.Holder
	}
	to := net.JoinHostPort("127.0.0.1", strconv.Itoa(d.Port))
	d.say("the gateway at " + to)
	health := probe(ctx, audit.ProbeHealth, to, "GET /healthz HTTP/1.1", to)
	l.Probes = append(l.Probes, health)
	if health.Status != 0 {
		wrong := "Authorization: Bearer " + strings.Repeat("0", 48)
		socket := []string{"Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="}
		l.Probes = append(l.Probes,
			probe(ctx, audit.ProbeBare, to, "POST /tools/invoke HTTP/1.1", to, "Content-Type: application/json"),
			probe(ctx, audit.ProbeBare, to, "GET /v1/models HTTP/1.1", to),
			probe(ctx, audit.ProbeWrong, to, "GET /v1/models HTTP/1.1", to, wrong),
			probe(ctx, audit.ProbeOrigin, to, "GET / HTTP/1.1", to, append([]string{"Origin: http://attacker.invalid", "Connection: Upgrade"}, socket...)...),
			probe(ctx, audit.ProbeHost, to, "GET /ui/ HTTP/1.1", "attacker.invalid"))
		d.say("wrong tokens")
		l.Probes = append(l.Probes, signIn(ctx, audit.ProbeWrong, to, strings.Repeat("0", 48)))
		l.Probes = append(l.Probes, flood(ctx, to)...)
	}
	d.say("this machine's other addresses")
	for _, a := range ownAddresses() {
		at := netip.AddrPortFrom(a, uint16(d.Port)).String() //nolint:gosec // a port
		l.Probes = append(l.Probes, probe(ctx, audit.ProbeOutside, at, "GET /healthz HTTP/1.1", at))
	}
	if d.Firewall != nil {
		d.say("the kernel's packet filter")
		kernelRules(d.Firewall)
	}
	l.Engines = engine.Ask{Port: d.Port, Sockets: d.Engines, Progress: d.Progress}.All(ctx)
	l.Tailscale = d.tailscale(ctx)
	return l
}

// ownAddresses are this machine's addresses that others may reach.
func ownAddresses() []netip.Addr {
	var out []netip.Addr
	list, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	for _, a := range list {
		p, err := netip.ParsePrefix(a.String())
		if err != nil || p.Addr().IsLoopback() || p.Addr().IsLinkLocalUnicast() {
			continue
		}
		out = append(out, p.Addr())
		if len(out) == 16 {
			break
		}
	}
	return out
}

// probe sends one request and reads the status of its answer.
func probe(ctx context.Context, kind audit.ProbeKind, to, line, host string, headers ...string) audit.Probe {
	p := audit.Probe{Kind: kind, To: to}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", to)
	if err != nil {
		p.Err = short(err)
		return p
	}
	defer func() { _ = conn.Close() }()
	if t, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(t)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\r\nHost: %s\r\n", line, host)
	closing := true
	for _, h := range headers {
		b.WriteString(h + "\r\n")
		closing = closing && !strings.HasPrefix(h, "Connection:")
	}
	if closing {
		b.WriteString("Connection: close\r\n")
	}
	if strings.HasPrefix(line, "POST") {
		b.WriteString("Content-Length: 2\r\n\r\n{}")
	} else {
		b.WriteString("\r\n")
	}
	if _, err := conn.Write(b.Bytes()); err != nil {
		p.Err = short(err)
		return p
	}
	status, err := bufio.NewReaderSize(conn, 256).ReadSlice('\n')
	if err != nil {
		p.Err = short(err)
		return p
	}
	parts := strings.Fields(string(status))
	if len(parts) < 2 || !strings.HasPrefix(parts[0], "HTTP/") {
		p.Err = "the answer is no HTTP"
		return p
	}
	if p.Status, err = strconv.Atoi(parts[1]); err != nil {
		p.Err = "the answer is no HTTP"
	}
	return p
}

func short(err error) string {
	s := err.Error()
	if i := strings.LastIndex(s, ": "); i >= 0 {
		return s[i+2:]
	}
	return s
}
