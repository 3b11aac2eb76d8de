package inbox_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/inbox"
	"github.com/openclaw-go/openclaw/internal/journal"
	"github.com/openclaw-go/openclaw/internal/store"
)

// desk is a pairing desk on a directory of its own, with a clock that moves
// when told.
type desk struct {
	*inbox.Pairing
	dir    string
	now    time.Time
	events []journal.Entry
	broken error
}

func (d *desk) Append(_ context.Context, e journal.Entry) (journal.Pos, error) {
	if d.broken != nil {
		return 0, d.broken
	}
	d.events = append(d.events, e)
	return 1, nil
}

func newDesk(t testing.TB) *desk {
	t.Helper()
	d := &desk{dir: t.TempDir(), now: time.Date(2026, 4, 8, 10, 0, 0, 0, time.UTC)}
	d.Pairing = inbox.NewPairing(inbox.PairingOptions{Files: store.PairingsAt(d.dir), Journal: d, Now: func() time.Time { return d.now }, Rand: rand.Reader})
	return d
}

func (d *desk) ask(t testing.TB, sender claw.SenderID) inbox.Asked {
	t.Helper()
	a, err := d.Ask(t.Context(), inbox.Request{Channel: "telegram", Sender: sender, Name: "Ana \u202e", Username: "ana"})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (d *desk) file(name string) string {
	b, err := os.ReadFile(filepath.Join(d.dir, "credentials", name))
	if err != nil {
		return ""
	}
	return string(b)
}

var operator = claw.Principal{Surface: claw.SurfaceCLI, Standing: claw.Owner}

func TestPairingIsOneCodeOnce(t *testing.T) {
	d := newDesk(t)
	a := d.ask(t, "42")
	if len(a.Code) != 8 || strings.Trim(a.Code, "ABCDEFGHJKLMNPQRSTUVWXYZ23456789") != "" || !a.Tell {
		t.Fatalf("%+v", a)
	}
	if again := d.ask(t, "42"); again.Code != "" || again.Tell {
		t.Errorf("a second code while one waits: %+v", again)
	}
	var doc struct {
		Version  int
		Requests []struct {
			ID, Code, CreatedAt, LastSeenAt string
			Meta                            map[string]string
		}
	}
	if err := json.Unmarshal([]byte(d.file("telegram-pairing.json")), &doc); err != nil || doc.Version != 1 || len(doc.Requests) != 1 {
		t.Fatalf("%s: %v", d.file("telegram-pairing.json"), err)
	}
	if r := doc.Requests[0]; r.ID != "42" || r.Code != a.Code || r.Meta["accountId"] != "default" || r.Meta["username"] != "ana" || !strings.HasPrefix(r.CreatedAt, "2026-04-08T10:00:00") {
		t.Errorf("%+v", r)
	}
	r, err := d.Approve(t.Context(), "telegram", "", strings.ToLower(a.Code), operator)
	if err != nil || r.ID != "42" {
		t.Fatal(r, err)
	}
	if got := d.file("telegram-allowFrom.json"); !strings.Contains(got, `"version": 1`) || !strings.Contains(got, `"42"`) {
		t.Error(got)
	}
	ids, err := d.Paired("telegram", "default")
	if err != nil || fmt.Sprint(ids) != "[42]" {
		t.Error(ids, err)
	}
	if _, err := d.Approve(t.Context(), "telegram", "", a.Code, operator); !errors.Is(err, inbox.ErrCode) {
		t.Errorf("the code is good twice: %v", err)
	}
	if n := len(d.events); n != 2 || d.events[0].Principal.Standing != claw.Stranger || d.events[1].Principal != operator {
		t.Errorf("%d events: %+v", n, d.events)
	}
	if err := d.Revoke(t.Context(), "telegram", "", "42", operator); err != nil {
		t.Fatal(err)
	}
	if ids, err = d.Paired("telegram", "default"); err != nil || len(ids) != 0 {
		t.Error(ids, err)
	}
	if err := d.Revoke(t.Context(), "telegram", "", "42", operator); !errors.Is(err, inbox.ErrWhom) {
		t.Error(err)
	}
}

// TestR56StrangersFillNoSlots: codes expire, three wait at most and the oldest
// makes room, a sender gets one reply a day, a day has an end, and codes that
// nobody has are not tried for long.
func TestR56StrangersFillNoSlots(t *testing.T) {
	d := newDesk(t)
	first := d.ask(t, "1")
	for i := 2; i <= 4; i++ {
		d.now = d.now.Add(time.Minute)
		d.ask(t, claw.SenderID(fmt.Sprint(i)))
	}
	waiting, err := d.Pending("telegram")
	if err != nil || len(waiting) != inbox.PairingPending || waiting[0].ID != "2" {
		t.Fatalf("%+v, %v", waiting, err)
	}
	if _, err := d.Approve(t.Context(), "telegram", "", first.Code, operator); !errors.Is(err, inbox.ErrCode) {
		t.Errorf("an evicted code: %v", err)
	}
	old := d.ask(t, "9")
	d.now = d.now.Add(inbox.PairingLife)
	if waiting, _ = d.Pending("telegram"); len(waiting) != 0 {
		t.Errorf("%d codes outlive their hour", len(waiting))
	}
	if _, err := d.Approve(t.Context(), "telegram", "", old.Code, operator); !errors.Is(err, inbox.ErrCode) {
		t.Errorf("an old code: %v", err)
	}
	// The same sender again: in the list for the operator, and not told again.
	if a := d.ask(t, "9"); a.Code == "" || a.Tell {
		t.Errorf("%+v", a)
	}
	d.now = d.now.Add(inbox.PairingLife)
	d.ask(t, "9")
	d.now = d.now.Add(inbox.PairingLife)
	if a := d.ask(t, "9"); a.Code != "" {
		t.Error("a fourth request of one sender in a day")
	}
	made := 0
	for i := range 10_000 {
		if d.ask(t, claw.SenderID(fmt.Sprint(1000+i))).Code != "" {
			made++
		}
	}
	if made == 0 || made > inbox.PairingPerDay {
		t.Errorf("%d requests in one day", made)
	}
	d.now = d.now.Add(24 * time.Hour)
	good := d.ask(t, "77")
	if good.Code == "" || !good.Tell {
		t.Fatal("the next day is not a new one")
	}
	for range inbox.PairingTries {
		if _, err := d.Find("telegram", "", "WRONGXYZ"); !errors.Is(err, inbox.ErrCode) {
			t.Fatal(err)
		}
	}
	if _, err := d.Approve(t.Context(), "telegram", "", good.Code, operator); !errors.Is(err, inbox.ErrTries) {
		t.Errorf("after %d wrong codes: %v", inbox.PairingTries, err)
	}
	d.now = d.now.Add(59 * time.Minute)
	if _, err := d.Approve(t.Context(), "telegram", "", good.Code, operator); !errors.Is(err, inbox.ErrTries) {
		t.Errorf("a minute early: %v", err)
	}
}

func TestPairingNeedsItsRecord(t *testing.T) {
	d := newDesk(t)
	code := d.ask(t, "42").Code
	d.broken = errors.New("no space left on device")
	if _, err := d.Ask(t.Context(), inbox.Request{Channel: "telegram", Sender: "43"}); !errors.Is(err, d.broken) {
		t.Error(err)
	}
	if _, err := d.Approve(t.Context(), "telegram", "", code, operator); !errors.Is(err, d.broken) {
		t.Error(err)
	}
	if ids, _ := d.Paired("telegram", ""); len(ids) != 0 {
		t.Errorf("%v was let in without a record", ids)
	}
	d.broken = nil
	if _, err := d.Approve(t.Context(), "telegram", "", code, operator); err != nil {
		t.Error(err)
	}
}

// TestPairingFilesAreUpstreams: files of another program are read, "*" in them
// is nobody, accounts are apart, and what cannot be read lets nobody in and is
// not written over.
func TestPairingFilesAreUpstreams(t *testing.T) {
	d := newDesk(t)
	dir := filepath.Join(d.dir, "credentials")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	put := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		d.now = d.now.Add(time.Minute) // lists are read again
	}
	put("telegram-allowFrom.json", `{"version":1,"allowFrom":["1","*","telegram:2"]}`)
	put("telegram-default-allowFrom.json", `{"version":1,"allowFrom":["3"]}`)
	put("telegram-work-allowFrom.json", `{"version":1,"allowFrom":["9"]}`)
	put("telegram-pairing.json", `{"version":1,"requests":[{"id":"5","code":"ABCD2345","createdAt":"2026-04-08T10:02:00.000Z","lastSeenAt":"2026-04-08T10:02:00.000Z","meta":{"accountId":"work","username":"eve"}}]}`)
	if ids, err := d.Paired("telegram", ""); err != nil || fmt.Sprint(ids) != "[1 2 3]" {
		t.Error(ids, err)
	}
	if ids, err := d.Paired("telegram", "work"); err != nil || fmt.Sprint(ids) != "[9]" {
		t.Error(ids, err)
	}
	if _, err := d.Approve(t.Context(), "telegram", "default", "ABCD2345", operator); !errors.Is(err, inbox.ErrCode) {
		t.Errorf("another account's code: %v", err)
	}
	if _, err := d.Approve(t.Context(), "telegram", "work", "ABCD2345", operator); err != nil {
		t.Fatal(err)
	}
	if ids, _ := d.Paired("telegram", "work"); fmt.Sprint(ids) != "[9 5]" {
		t.Error(ids)
	}
	if ids, _ := d.Paired("telegram", ""); fmt.Sprint(ids) != "[1 2 3]" {
		t.Errorf("another account's sender came in: %v", ids)
	}
	code := d.ask(t, "6").Code
	if _, err := d.Approve(t.Context(), "telegram", "", code, operator); err != nil {
		t.Fatal(err)
	}
	if got := d.file("telegram-allowFrom.json"); strings.Contains(got, "*") || !strings.Contains(got, `"6"`) {
		t.Errorf("written: %s", got)
	}
	for _, bad := range []string{"{", `{"version":2,"allowFrom":["7"]}`, `{"allowFrom":"7"}`} {
		put("telegram-allowFrom.json", bad)
		if ids, err := d.Paired("telegram", ""); err == nil || len(ids) != 0 {
			t.Errorf("%s lets %v in, %v", bad, ids, err)
		}
		if err := d.Revoke(t.Context(), "telegram", "", "7", operator); err == nil || d.file("telegram-allowFrom.json") != bad {
			t.Errorf("%s was written over: %v", bad, err)
		}
	}
}
