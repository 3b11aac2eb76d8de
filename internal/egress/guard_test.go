package egress

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
)

func testGuard() guard {
	g := newGuard()
	g.interfaces = func() ([]net.Addr, error) {
		return []net.Addr{&net.IPNet{IP: net.ParseIP("203.0.114.9"), Mask: net.CIDRMask(24, 32)}}, nil
	}
	return g
}

func TestGuard(t *testing.T) {
	g := testGuard()
	for _, c := range []struct {
		addr string
		ok   bool
	}{
		{"93.184.215.14", true}, {"2606:4700:4700::1111", true}, {"8.8.8.8", true},
		{"127.0.0.1", false}, {"127.8.8.8", false}, {"::1", false}, {"0.0.0.0", false}, {"::", false},
		{"10.1.2.3", false}, {"172.16.0.1", false}, {"192.168.1.1", false}, {"100.64.0.1", false}, {"fd12::1", false},
		{"169.254.169.254", false}, {"169.254.1.1", false}, {"fe80::1", false}, {"100.100.100.200", false}, {"168.63.129.16", false}, {"fd00:ec2::254", false},
		{"::ffff:127.0.0.1", false}, {"::ffff:169.254.169.254", false}, {"::127.0.0.1", false}, {"64:ff9b::7f00:1", false}, {"64:ff9b::808:808", false},
		{"2002:7f00:1::", false}, {"2001::1", false}, {"224.0.0.1", false}, {"255.255.255.255", false}, {"ff02::1", false}, {"240.0.0.1", false},
		{"192.0.2.1", false}, {"198.18.0.1", false}, {"203.0.114.9", false}, {"fe80::1%eth0", false},
	} {
		err := g.check("x.example", netip.AddrPortFrom(netip.MustParseAddr(c.addr), 443), nil)
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", c.addr, err)
		}
		var r *Refusal
		if err != nil && (!errors.As(err, &r) || r.Rule != RuleAddress || !errors.Is(err, ErrRefused)) {
			t.Errorf("%s: %v is no refusal", c.addr, err)
		}
	}
}

// TestGuardExceptions: an entry of the operator's opens its range and port and
// nothing else, and never a metadata service.
func TestGuardExceptions(t *testing.T) {
	g := testGuard()
	home := []Private{{Prefix: netip.MustParsePrefix("192.168.1.0/24"), Port: 8123}}
	for _, c := range []struct {
		addr   string
		except []Private
		ok     bool
	}{
		{"192.168.1.5:8123", home, true}, {"192.168.1.5:80", home, false}, {"192.168.2.5:8123", home, false},
		{"[::ffff:192.168.1.5]:8123", home, true},
		{"127.0.0.1:1", everywhere, true}, {"[::1]:1", everywhere, true}, {"10.0.0.1:1", everywhere, true},
		{"169.254.169.254:80", everywhere, false}, {"[::ffff:169.254.169.254]:80", everywhere, false},
		{"[64:ff9b::a9fe:a9fe]:80", everywhere, false}, {"[2002:a9fe:a9fe::]:80", everywhere, false}, {"[fd00:ec2::254]:80", everywhere, false},
		{"127.0.0.1:1", onlyLoopback, true}, {"10.0.0.1:1", onlyLoopback, false},
	} {
		if err := g.check("x", netip.MustParseAddrPort(c.addr), c.except); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.addr, err)
		}
	}
	g.interfaces = func() ([]net.Addr, error) { return nil, errors.New("no") }
	if g.check("x", netip.MustParseAddrPort("8.8.8.8:53"), nil) == nil {
		t.Error("unmeasured interfaces let an address through")
	}
}

func TestCanonical(t *testing.T) {
	for in, want := range map[string]string{
		"Example.COM": "example.com", "example.com.": "example.com", "bücher.example": "xn--bcher-kva.example", "8.8.8.8": "8.8.8.8",
		"[2606:4700::1]": "2606:4700::1", "::ffff:8.8.8.8": "8.8.8.8", "a-b.c1.example": "a-b.c1.example",
		// Spellings that some resolver reads as a number.
		"2130706433": "", "0x7f000001": "", "0177.0.0.1": "", "127.1": "", "0x7f.1": "", "127.0.0.0x1": "", "1.2.3.4.": "", "①②⑦.0.0.1": "", "１２７.0.0.1": "",
		"localhost": "", "intranet": "", "": "", ".": "", "a..b": "", "a b.example": "", "ex\x00ample.com": "", "a/b.example": "", "a@b.example": "",
		"fe80::1%25eth0": "", "fe80::1%eth0": "", "exa\u200bmple.com": "", strings.Repeat("a.", 150) + "example": "",
	} {
		got, err := canonical(in)
		if got != want || (err != nil) != (want == "") {
			// A zero-width character may be dropped instead of refused: then
			// what is decided is what is dialled.
			if in == "exa\u200bmple.com" && got == "example.com" {
				continue
			}
			t.Errorf("%q: %q, %v; expected %q", in, got, err, want)
		}
	}
}

func FuzzCanonical(f *testing.F) {
	for _, s := range []string{"example.com", "127.1", "0x7f.0.0.1", "[::1]", "①.①", "xn--a", "a.0x", "1.2.3.4"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, host string) {
		name, err := canonical(host)
		if err != nil {
			return
		}
		again, err := canonical(name)
		if err != nil || again != name {
			t.Fatalf("%q: %q, then %q (%v)", host, name, again, err)
		}
		if strings.ContainsAny(name, " /@?#\\\x00%") || strings.ToLower(name) != name {
			t.Fatalf("%q: %q", host, name)
		}
		if _, err := netip.ParseAddr(name); err != nil && numeric(name[strings.LastIndexByte(name, '.')+1:]) {
			t.Fatalf("%q: %q is a number", host, name)
		}
	})
}
