package model_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/openclaw-go/openclaw/internal/model"
	"github.com/openclaw-go/openclaw/internal/model/script"
)

func basic() model.Request {
	return model.Request{Model: "m", Messages: []model.Message{model.User("hello")}}
}

func fail(kind model.ErrorKind, after time.Duration) script.Step {
	return script.Step{Err: &model.Error{Kind: kind, RetryAfter: after}}
}

// waits records what a Retry would have slept.
type waits struct {
	all  []time.Duration
	then error
}

func (w *waits) sleep(_ context.Context, d time.Duration) error {
	w.all = append(w.all, d)
	return w.then
}

func TestRetry(t *testing.T) {
	const s = time.Second
	for name, c := range map[string]struct {
		steps    []script.Step
		attempts int
		kind     model.ErrorKind // of the end; -1 answered
		text     string
		waits    []time.Duration
	}{
		"answers at once":       {[]script.Step{script.Say("ok")}, 0, 255, "ok", nil},
		"busy twice":            {[]script.Step{fail(model.KindOverloaded, 0), fail(model.KindServer, 0), script.Say("ok")}, 0, 255, "ok", []time.Duration{s / 2, s}},
		"says when":             {[]script.Step{fail(model.KindRateLimit, 7*s), script.Say("ok")}, 0, 255, "ok", []time.Duration{7 * s}},
		"says much too late":    {[]script.Step{fail(model.KindRateLimit, time.Hour)}, 0, model.KindRateLimit, "", nil},
		"never gets better":     {[]script.Step{fail(model.KindNetwork, 0), fail(model.KindTimeout, 0), fail(model.KindServer, 0), fail(model.KindOverloaded, 0)}, 0, model.KindOverloaded, "", []time.Duration{s / 2, s, 2 * s}},
		"one attempt":           {[]script.Step{fail(model.KindNetwork, 0)}, 1, model.KindNetwork, "", nil},
		"wrong key":             {[]script.Step{fail(model.KindAuth, 0)}, 0, model.KindAuth, "", nil},
		"declined":              {[]script.Step{fail(model.KindRefusal, 0)}, 0, model.KindRefusal, "", nil},
		"too long":              {[]script.Step{fail(model.KindContextLength, 0)}, 0, model.KindContextLength, "", nil},
		"garbage":               {[]script.Step{fail(model.KindInvalid, 0)}, 0, model.KindInvalid, "", nil},
		"quota is gone":         {[]script.Step{{Err: &model.Error{Kind: model.KindRateLimit, Final: true}}}, 0, model.KindRateLimit, "", nil},
		"broke off after words": {[]script.Step{script.CutOff("half"), script.Say("never asked")}, 0, model.KindNetwork, "half", nil},
		"usage and then failed": {[]script.Step{{Events: []model.Event{{Kind: model.UsageReport, Usage: model.Usage{Input: 3}}}, Err: &model.Error{Kind: model.KindServer}}, script.Say("ok")}, 0, 255, "ok", []time.Duration{s / 2}},
		"empty reply":           {[]script.Step{{Events: []model.Event{}}, script.Say("ok")}, 0, 255, "ok", []time.Duration{s / 2}},
	} {
		t.Run(name, func(t *testing.T) {
			p, w := script.New(c.steps...), &waits{}
			m, _, _, err := model.Collect(model.Retry{Provider: p, Attempts: c.attempts, Sleep: w.sleep}.Stream(t.Context(), basic()))
			if c.kind == 255 && err != nil || c.kind != 255 && (err == nil || model.KindOf(err) != c.kind) {
				t.Errorf("error is %v, want %v", err, c.kind)
			}
			if m.Text() != c.text || fmt.Sprint(w.all) != fmt.Sprint(c.waits) {
				t.Errorf("%q after %v, want %q after %v", m.Text(), w.all, c.text, c.waits)
			}
			if want := len(c.waits) + 1; len(p.Requests()) != want {
				t.Errorf("%d requests, want %d", len(p.Requests()), want)
			}
		})
	}
}

func TestRetryEnds(t *testing.T) {
	busy := fail(model.KindOverloaded, 0)
	busy.Times = -1
	// Without a way to wait nothing is retried.
	p := script.New(busy)
	if _, _, _, err := model.Collect(model.Retry{Provider: p}.Stream(t.Context(), basic())); model.KindOf(err) != model.KindOverloaded || len(p.Requests()) != 1 {
		t.Errorf("%v after %d requests", err, len(p.Requests()))
	}
	// A budget ends it with the provider's error.
	p, w := script.New(busy), &waits{}
	again := func(attempt int, last *model.Error, wait time.Duration) error {
		if attempt != 2 || last.Kind != model.KindOverloaded || wait <= 0 {
			t.Errorf("asked for attempt %d after %v, %v", attempt, last, wait)
		}
		return errors.New("no budget")
	}
	if _, _, _, err := model.Collect(model.Retry{Provider: p, Sleep: w.sleep, Again: again}.Stream(t.Context(), basic())); model.KindOf(err) != model.KindOverloaded || len(w.all) != 0 {
		t.Errorf("%v after %v", err, w.all)
	}
	// The caller leaves while it waits.
	ctx, cancel := context.WithCancel(t.Context())
	sleep := func(ctx context.Context, _ time.Duration) error { cancel(); return ctx.Err() }
	if _, _, stop, err := model.Collect(model.Retry{Provider: script.New(busy), Sleep: sleep}.Stream(ctx, basic())); model.KindOf(err) != model.KindAborted || stop != model.StopAborted {
		t.Errorf("%v, %v", err, stop)
	}
	// The caller leaves in the middle of a reply: it is not asked again.
	p = script.New(script.Say(strings.Repeat("many words ", 20)))
	for ev := range (model.Retry{Provider: p, Sleep: w.sleep}).Stream(t.Context(), basic()) {
		if ev.Kind == model.TextDelta {
			break
		}
	}
	if len(p.Requests()) != 1 {
		t.Errorf("%d requests", len(p.Requests()))
	}
}

// Waits stay between half and all of what they may be, whatever the numbers.
func TestRetryWaits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 80).Draw(t, "attempts")
		base := time.Duration(rapid.Int64Range(1, int64(time.Hour)).Draw(t, "base"))
		most := time.Duration(rapid.Int64Range(1, int64(time.Hour)).Draw(t, "max"))
		rnd := rapid.Float64Range(0, 0.999).Draw(t, "rand")
		busy := fail(model.KindServer, 0)
		busy.Times = -1
		w := &waits{}
		_, _, _, _ = model.Collect(model.Retry{Provider: script.New(busy), Attempts: n, Base: base, Max: most, Sleep: w.sleep, Rand: func() float64 { return rnd }}.Stream(context.Background(), basic()))
		if len(w.all) != n-1 {
			t.Fatalf("%d waits for %d attempts", len(w.all), n)
		}
		for i, d := range w.all {
			full := time.Duration(min(float64(most), float64(base)*math.Pow(2, float64(i))))
			if d < full/2-1 || d > full+1 {
				t.Fatalf("wait %d is %v of %v", i, d, full)
			}
		}
	})
}

// placed is a script at some host.
type placed struct {
	*script.Script
	host string
}

func (p placed) Destinations() []model.Destination {
	return []model.Destination{{Provider: p.host, Host: p.host}}
}

func TestFallback(t *testing.T) {
	for name, c := range map[string]struct {
		first, second script.Step
		kind          model.ErrorKind
		text          string
		asked         int // requests at the second
	}{
		"first answers":       {script.Say("one"), script.Say("two"), 255, "one", 0},
		"first is busy":       {fail(model.KindOverloaded, 0), script.Say("two"), 255, "two", 1},
		"quota is gone":       {script.Step{Err: &model.Error{Kind: model.KindRateLimit, Final: true}}, script.Say("two"), 255, "two", 1},
		"both are busy":       {fail(model.KindOverloaded, 0), fail(model.KindServer, 0), model.KindServer, "", 1},
		"first declines":      {fail(model.KindRefusal, 0), script.Say("two"), model.KindRefusal, "", 0},
		"first has no key":    {fail(model.KindAuth, 0), script.Say("two"), model.KindAuth, "", 0},
		"too long":            {fail(model.KindContextLength, 0), script.Say("two"), model.KindContextLength, "", 0},
		"first began to talk": {script.CutOff("on"), script.Say("two"), model.KindNetwork, "on", 0},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := placed{script.New(c.first), "a.example:443"}, placed{script.New(c.second), "b.example:443"}
			var notes []string
			f := model.NewFallback(model.Candidate{Provider: a, Model: "big"}, model.Candidate{Provider: b, Model: "small"})
			f.Allow = func(_ context.Context, req model.Request, to []model.Destination) error {
				if len(to) != 1 || to[0].Host != b.host || req.Messages[0].Text() != "hello" {
					t.Errorf("asked for %v", to)
				}
				return nil
			}
			f.Note = func(from model.Candidate, because *model.Error, to model.Candidate) {
				notes = append(notes, from.Model+" "+because.Kind.String()+" "+to.Model)
			}
			m, _, _, err := model.Collect(f.Stream(t.Context(), basic()))
			if c.kind == 255 && err != nil || c.kind != 255 && (err == nil || model.KindOf(err) != c.kind) || m.Text() != c.text {
				t.Errorf("%q, %v", m.Text(), err)
			}
			if len(b.Requests()) != c.asked || len(notes) != c.asked {
				t.Errorf("%d requests at the second, notes %v", len(b.Requests()), notes)
			}
			if a.Requests()[0].Model != "big" || c.asked == 1 && b.Requests()[0].Model != "small" {
				t.Error("a candidate was asked for another's model")
			}
		})
	}
}

// A fallback goes nowhere that the first does not go, unless somebody decides
// that it may.
func TestR26FallbackGoesNowhereUndecided(t *testing.T) {
	at := func(host string) (placed, model.Candidate) {
		p := placed{script.New(fail(model.KindServer, 0), script.Say("here")), host}
		return p, model.Candidate{Provider: p}
	}
	for name, c := range map[string]struct {
		host  string
		allow func(context.Context, model.Request, []model.Destination) error
		asked int
	}{
		"the same host":         {"a.example:443", nil, 1},
		"another, undecided":    {"b.example:443", nil, 0},
		"another port":          {"a.example:8443", nil, 0},
		"another, allowed":      {"b.example:443", func(context.Context, model.Request, []model.Destination) error { return nil }, 1},
		"another, refused":      {"b.example:443", func(context.Context, model.Request, []model.Destination) error { return errors.New("no") }, 0},
		"the same, refused too": {"a.example:443", func(context.Context, model.Request, []model.Destination) error { return errors.New("no") }, 0},
	} {
		_, first := at("a.example:443")
		p, second := at(c.host)
		f := model.NewFallback(first, second)
		f.Allow = c.allow
		_, _, _, err := model.Collect(f.Stream(t.Context(), basic()))
		if model.KindOf(err) != model.KindServer || err == nil || len(p.Requests()) != c.asked {
			t.Errorf("%s: %v, %d requests", name, err, len(p.Requests()))
		}
		if d := f.Destinations(); len(d) != 1 || d[0].Host != "a.example:443" {
			t.Errorf("%s: destinations %v", name, d)
		}
	}
	_, _, _, err := model.Collect(model.Fallback{}.Stream(t.Context(), basic()))
	if model.KindOf(err) != model.KindInvalid || err == nil || (model.Fallback{}).Destinations() != nil {
		t.Errorf("no candidate: %v", err)
	}
}

// A guarded provider gets nothing that is refused, and the next one is asked.
func TestR26GuardSendsNothing(t *testing.T) {
	first, second := script.New(script.Say("never")), script.New(script.Say("here"))
	no := func(context.Context, model.Request, []model.Destination) error { return errors.New("not with this") }
	g := model.Guard{Provider: first, Allow: no}
	if _, _, _, err := model.Collect(g.Stream(t.Context(), basic())); model.KindOf(err) != model.KindForbidden || len(first.Requests()) != 0 {
		t.Errorf("%v after %d requests", err, len(first.Requests()))
	}
	f := model.NewFallback(model.Candidate{Provider: g}, model.Candidate{Provider: second})
	if m, _, _, err := model.Collect(f.Stream(t.Context(), basic())); err != nil || m.Text() != "here" || len(first.Requests()) != 0 {
		t.Errorf("%q, %v", m.Text(), err)
	}
}
