package devices

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gateway/wire"
)

// disk keeps documents in memory and fails when told to.
type disk struct {
	docs map[string][]byte
	err  error
}

func (d *disk) Read(name string) ([]byte, error) { return d.docs[name], nil }

func (d *disk) Write(name string, b []byte) error {
	if d.err == nil {
		d.docs[name] = bytes.Clone(b)
	}
	return d.err
}

type hand struct{ t time.Time }

func (h *hand) now() time.Time { return h.t }

type failer interface {
	Helper()
	Fatal(args ...any)
}

func open(t failer) (*Book, *disk, *hand) {
	t.Helper()
	d, h := &disk{docs: map[string][]byte{}}, &hand{time.UnixMilli(1_700_000_000_000)}
	b, err := Open(d, h.now, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return b, d, h
}

func pending(t failer, scopes ...wire.Scope) Pending {
	t.Helper()
	key, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return Pending{Device: wire.DeviceIDOf(key), PublicKey: wire.EncodeKey(key), DisplayName: "phone", Role: wire.RoleOperator, Scopes: scopes}
}

func TestBookSurvivesARestart(t *testing.T) {
	b, d, h := open(t)
	p := pending(t, wire.Read, wire.Write)
	if _, err := b.Pair(p, p.Scopes, ByLoopback); err != nil {
		t.Fatal(err)
	}
	token, err := b.Issue(p.Device, wire.RoleOperator, []wire.Scope{wire.Read})
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(d.docs["paired.json"], []byte(token)) {
		t.Error("the token itself is on disk")
	}
	again, err := Open(d, h.now, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if scopes, ok := again.Check(p.Device, wire.RoleOperator, token); !ok || !slices.Equal(scopes, []wire.Scope{wire.Read}) {
		t.Errorf("%v %v", scopes, ok)
	}
	for _, bad := range []string{"", "x", token + "x", token[:len(token)-1]} {
		if _, ok := again.Check(p.Device, wire.RoleOperator, bad); ok {
			t.Errorf("%q is a token", bad)
		}
	}
	if _, ok := again.Check(p.Device, "node", token); ok {
		t.Error("a token is good for another role")
	}
	if err := again.Revoke(p.Device, wire.RoleOperator); err != nil {
		t.Fatal(err)
	}
	last, err := Open(d, h.now, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := last.Check(p.Device, wire.RoleOperator, token); ok {
		t.Error("a revoked token works after a restart")
	}
	if dev, ok := last.Get(p.Device); !ok || !dev.Revoked(wire.RoleOperator) || dev.Live(wire.RoleOperator) {
		t.Errorf("%+v", dev)
	}
}

// A book that cannot be read must not be taken for an empty one.
func TestOpenRefusesADamagedBook(t *testing.T) {
	p := pending(t)
	for name, doc := range map[string]string{
		"no JSON":            `{"version":1,"devices":[`,
		"another shape":      `[]`,
		"key of another one": `{"version":1,"devices":[{"deviceId":"` + string(p.Device) + `","publicKey":"` + pending(t).PublicKey + `"}]}`,
		"no key":             `{"version":1,"devices":[{"deviceId":"` + string(p.Device) + `"}]}`,
	} {
		if _, err := Open(&disk{docs: map[string][]byte{"paired.json": []byte(doc)}}, time.Now, rand.Reader); err == nil || !strings.Contains(err.Error(), "paired.json") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Open(&disk{docs: map[string][]byte{"pending.json": []byte(`{`)}}, time.Now, rand.Reader); err == nil {
		t.Error("a damaged pending.json is taken for an empty one")
	}
}

// What is not on disk did not happen.
func TestNothingWithoutDisk(t *testing.T) {
	b, d, _ := open(t)
	p := pending(t, wire.Read)
	if _, err := b.Pair(p, p.Scopes, ByLoopback); err != nil {
		t.Fatal(err)
	}
	token, err := b.Issue(p.Device, wire.RoleOperator, p.Scopes)
	if err != nil {
		t.Fatal(err)
	}
	d.err = errors.New("no space left")
	other := pending(t, wire.Admin)
	if _, err := b.Pair(other, other.Scopes, ByLink); err == nil {
		t.Error("paired without disk")
	}
	if _, ok := b.Get(other.Device); ok {
		t.Error("a device that is not on disk is in the book")
	}
	if _, _, err := b.Ask(other); err == nil {
		t.Error("a request without disk")
	}
	if _, list := b.List(); len(list) != 0 {
		t.Errorf("%v", list)
	}
	for what, err := range map[string]error{"rename": b.Rename(p.Device, "x"), "revoke": b.Revoke(p.Device, wire.RoleOperator), "remove": b.Remove(p.Device), "confirm": b.Confirm(p.Device)} {
		if err == nil {
			t.Errorf("%s without disk", what)
		}
	}
	if _, err := b.Issue(p.Device, wire.RoleOperator, p.Scopes); err == nil {
		t.Error("a token without disk")
	}
	if _, ok := b.Check(p.Device, wire.RoleOperator, token); !ok {
		t.Error("a change that failed took the token away")
	}
	if dev, _ := b.Get(p.Device); dev.DisplayName != "phone" {
		t.Errorf("%+v", dev)
	}
}

// Nobody approves scopes that they lack, and a device never has a scope that
// nobody approved.
func TestApproval(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b, _, _ := open(t)
		draw := func(name string) []wire.Scope {
			return rapid.SliceOfNDistinct(rapid.SampledFrom(wire.AllScopes()), 0, 5, func(s wire.Scope) wire.Scope { return s }).Draw(t, name)
		}
		has, wants, approver := draw("has"), draw("wants"), draw("approver")
		p := pending(t, has...)
		if _, err := b.Pair(p, has, ByLoopback); err != nil {
			t.Fatal(err)
		}
		p.Scopes = wants
		req, _, err := b.Ask(p)
		if err != nil {
			t.Fatal(err)
		}
		d, err := b.Approve(req.RequestID, approver)
		switch {
		case !wire.CoversAll(approver, wants):
			if !errors.Is(err, ErrScope) {
				t.Fatalf("%v approve %v: %v", approver, wants, err)
			}
			if d, _ := b.Get(p.Device); !slices.Equal(d.Scopes, has) {
				t.Fatalf("refused, and yet %v", d.Scopes)
			}
			if _, err := b.Request(req.RequestID); err != nil {
				t.Fatalf("the request is gone: %v", err)
			}
		case err != nil:
			t.Fatal(err)
		default:
			for _, s := range d.Scopes {
				if !slices.Contains(has, s) && !slices.Contains(wants, s) {
					t.Fatalf("%s came from nowhere", s)
				}
			}
			if !wire.CoversAll(d.Scopes, wants) || !wire.CoversAll(d.Scopes, has) {
				t.Fatalf("%v after %v and %v", d.Scopes, has, wants)
			}
			if _, err := b.Approve(req.RequestID, wire.AllScopes()); !errors.Is(err, ErrUnknown) {
				t.Fatalf("approved twice: %v", err)
			}
		}
		if _, err := b.Issue(p.Device, wire.RoleOperator, []wire.Scope{wire.Admin}); (err == nil) != slices.Contains(b.scopesOf(p.Device), wire.Admin) {
			t.Fatalf("a token for admin: %v", err)
		}
	})
}

func (b *Book) scopesOf(id claw.DeviceID) []wire.Scope {
	d, _ := b.Get(id)
	return d.Scopes
}

func TestRequests(t *testing.T) {
	b, _, h := open(t)
	p := pending(t, wire.Admin)
	first, _, err := b.Ask(p)
	if err != nil {
		t.Fatal(err)
	}
	if same, _, err := b.Ask(p); err != nil || same.RequestID != first.RequestID {
		t.Errorf("the same wish is another request: %v %v", same, err)
	}
	p.Scopes = []wire.Scope{wire.Read}
	second, superseded, err := b.Ask(p)
	if err != nil || superseded != first.RequestID || second.RequestID == first.RequestID {
		t.Errorf("%v %q %v", second, superseded, err)
	}
	if _, err := b.Approve(first.RequestID, wire.AllScopes()); !errors.Is(err, ErrUnknown) {
		t.Errorf("a superseded request is approved: %v", err)
	}
	h.t = h.t.Add(PendingExpiry + time.Second)
	if _, err := b.Approve(second.RequestID, wire.AllScopes()); !errors.Is(err, ErrUnknown) {
		t.Errorf("an old request is approved: %v", err)
	}
	third, _, err := b.Ask(p)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Reject(third.RequestID); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Approve(third.RequestID, wire.AllScopes()); !errors.Is(err, ErrUnknown) {
		t.Errorf("a rejected request is approved: %v", err)
	}
}

func TestLimits(t *testing.T) {
	b, _, h := open(t)
	for i := range maxPending + 1 {
		if _, _, err := b.Ask(pending(t, wire.Read)); (err != nil) != (i == maxPending) || err != nil && !errors.Is(err, ErrFull) {
			t.Fatalf("request %d: %v", i, err)
		}
	}
	for i := range maxDevices + 1 {
		p := pending(t, wire.Read)
		if _, err := b.Pair(p, p.Scopes, ByLink); (err != nil) != (i == maxDevices) {
			t.Fatalf("device %d: %v", i, err)
		}
	}
	h.t = h.t.Add(KeyExpiry)
	p := pending(t, wire.Read)
	if _, err := b.Pair(p, p.Scopes, ByLink); err != nil {
		t.Errorf("expired keys make no room: %v", err)
	}
}

func TestBrowserKeyExpires(t *testing.T) {
	b, _, h := open(t)
	p := pending(t, wire.AllScopes()...)
	if _, err := b.Pair(p, p.Scopes, ByLink); err != nil {
		t.Fatal(err)
	}
	h.t = h.t.Add(KeyExpiry - time.Second)
	if _, ok := b.Get(p.Device); !ok {
		t.Error("expired early")
	}
	h.t = h.t.Add(time.Second)
	if _, ok := b.Get(p.Device); ok {
		t.Error("a key of 30 days still signs in")
	}
}

// Names go onto terminals and pages: one line, nothing that hides.
func TestNames(t *testing.T) {
	for in, want := range map[string]string{"  phone \n": "phone", "a\x1b[31mb": "a[31mb", "pay\u202egpj.exe": "paygpj.exe", "zero\u200bwidth\u2060": "zerowidth", "tag\U000e0041": "tag", "": ""} {
		if got := name(in); got != want {
			t.Errorf("%q: %q, expected %q", in, got, want)
		}
	}
	long := name(strings.Repeat("é", 100))
	if len(long) > maxName || strings.ContainsRune(long, '\ufffd') {
		t.Errorf("%q", long)
	}
	rapid.Check(t, func(t *rapid.T) {
		got := name(rapid.String().Draw(t, "name"))
		if len(got) > maxName || strings.ContainsAny(got, "\n\r\x1b\x00") || name(got) != got {
			t.Fatalf("%q", got)
		}
	})
}

func FuzzOpen(f *testing.F) {
	b, d, _ := open(f)
	p := pending(f, wire.Read)
	if _, err := b.Pair(p, p.Scopes, ByLoopback); err != nil {
		f.Fatal(err)
	}
	f.Add(d.docs["paired.json"], []byte(`{"requests":[{"requestId":"r","scopes":["operator.admin"]}]}`))
	f.Add([]byte(`{"devices":[null]}`), []byte(`{"requests":[null]}`))
	f.Fuzz(func(t *testing.T, paired, pending []byte) {
		b, err := Open(&disk{docs: map[string][]byte{"paired.json": paired, "pending.json": pending}}, time.Now, rand.Reader)
		if err != nil {
			return
		}
		devices, _ := b.List()
		for _, d := range devices {
			key, ok := wire.ParsePublicKey(d.PublicKey)
			if !ok || wire.DeviceIDOf(key) != d.ID {
				t.Fatalf("device %q has another's key", d.ID)
			}
		}
		if _, err := json.Marshal(devices); err != nil {
			t.Fatal(fmt.Errorf("what was read cannot be told: %w", err))
		}
	})
}
