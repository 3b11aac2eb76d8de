package app_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/app"
	"github.com/openclaw-go/openclaw/internal/filter"
	"github.com/openclaw-go/openclaw/internal/gateway"
	"github.com/openclaw-go/openclaw/internal/vault"
)

// desk is a home's encrypted store, with what was recorded of it.
func (h *home) desk() (app.SecretDesk, *[]gateway.SecretNote) {
	notes := &[]gateway.SecretNote{}
	return app.SecretDesk{Paths: h.paths, Getenv: h.getenv, Store: app.StoreOf(h.paths, h.getenv, nil, nil),
		Record: func(_ context.Context, n gateway.SecretNote) error { *notes = append(*notes, n); return nil }}, notes
}

// TestR31WeakSecretsAreRefused: what is too short or too plain is no secret: it
// is refused, or kept and listed as weak, and never masked, since that would
// confirm a guess and blank out other text.
func TestR31WeakSecretsAreRefused(t *testing.T) {
	h := newHome(t)
	d, notes := h.desk()
	for _, weak := range []string{"hunter2", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "12345678901"} {
		if err := d.Set(t.Context(), "A_KEY", vault.NewSecret([]byte(weak)), vault.Strong); !errors.Is(err, app.ErrWeak) {
			t.Errorf("%q: %v", weak, err)
		}
		red := filter.New(filter.Options{Values: []string{weak}})
		if text := "a line with " + weak + " in it"; red.String(text) != text || red.Known(text) != text || red.Weak() != 1 {
			t.Errorf("%q confirms a guess: %q", weak, red.String(text))
		}
	}
	if len(*notes) != 0 {
		t.Errorf("a refusal was recorded as a change: %v", *notes)
	}
	if err := d.Set(t.Context(), "A_KEY", vault.NewSecret([]byte("hunter2")), vault.Weak); err != nil {
		t.Fatal(err)
	}
	l, err := d.List(t.Context(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range l.Secrets {
		if r.Name == "A_KEY" && !r.Weak {
			t.Error("it is not listed as weak")
		}
	}
	if err := d.Rotate(t.Context(), "A_KEY", vault.NewSecret([]byte("hunter3"))); !errors.Is(err, app.ErrWeak) {
		t.Errorf("rotated to a weak one: %v", err)
	}
}

// TestSecretsAreRecordedFirst: an act that cannot be recorded does not happen.
func TestSecretsAreRecordedFirst(t *testing.T) {
	h := newHome(t)
	d, notes := h.desk()
	full := errors.New("no space left")
	value := vault.NewSecret([]byte("vL4-q8Xn2-Tz7Rk-91Wd"))
	record := d.Record
	d.Record = func(context.Context, gateway.SecretNote) error { return full }
	if err := d.Set(t.Context(), "A_KEY", value, vault.Strong); !errors.Is(err, full) || d.Store.Exists() {
		t.Errorf("%v; a store was made: %v", err, d.Store.Exists())
	}
	d.Record = record
	if err := d.Set(t.Context(), "A_KEY", value, vault.Strong); err != nil {
		t.Fatal(err)
	}
	if n := *notes; len(n) != 2 || n[0].Generation != 0 || n[1].Generation != 1 || n[0].Act != "set" {
		t.Errorf("%+v", n)
	}
	d.Record = func(context.Context, gateway.SecretNote) error { return full }
	if v, err := d.Reveal(t.Context(), "A_KEY"); !errors.Is(err, full) || !v.Empty() {
		t.Errorf("revealed without a record: %v", err)
	}
	if err := d.Remove(t.Context(), []string{"A_KEY"}); !errors.Is(err, full) {
		t.Errorf("removed without a record: %v", err)
	}
	if v, err := d.Store.Get("A_KEY"); err != nil || v.Empty() {
		t.Errorf("%v", err)
	}
}

// TestClockJumps: a clock that jumps makes no secret due, and none younger.
func TestClockJumps(t *testing.T) {
	h := newHome(t)
	d, _ := h.desk()
	if err := d.Set(t.Context(), "A_KEY", vault.NewSecret([]byte("vL4-q8Xn2-Tz7Rk-91Wd")), vault.Strong); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for _, row := range []struct {
		at    time.Time
		known bool
		due   bool
	}{{now.Add(time.Hour), true, false}, {now.AddDate(0, 0, 91), true, true}, {now.AddDate(-1, 0, 0), false, false}} {
		l, err := d.List(t.Context(), row.at)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range l.Secrets {
			if r.Name == "A_KEY" && ((r.AgeDays != nil) != row.known || r.Due != row.due || r.Changed == nil) {
				t.Errorf("at %s: %+v", row.at, r)
			}
		}
	}
	c := d.Doctor(t.Context(), now.AddDate(-1, 0, 0))
	found := false
	for _, l := range c.Lines {
		found = found || strings.Contains(l.What, "changed in the future")
	}
	if !found {
		t.Errorf("the doctor does not see it: %+v", c.Lines)
	}
}
