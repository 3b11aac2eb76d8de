package model_test

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/openclaw-go/openclaw/internal/model"
)

func TestCatalog(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range model.Builtin() {
		name := s.Provider + "/" + s.Model
		if seen[name] {
			t.Errorf("%s is listed twice", name)
		}
		seen[name] = true
		if s.Window < 100_000 || s.Window > 2_000_000 || s.Output < 8_000 || s.Output > s.Window {
			t.Errorf("%s: window %d, output %d", name, s.Window, s.Output)
		}
		if s.Price == nil {
			t.Errorf("%s has no price", name)
			continue
		}
		if s.Provider == "operator" {
			if *s.Price != (model.Price{}) {
				t.Errorf("%s costs %+v", name, *s.Price)
			}
			continue
		}
		prices := []model.Price{*s.Price}
		if s.Above > 0 {
			prices = append(prices, s.LongPrice)
			if s.Above >= s.Window || s.LongPrice.Input < s.Price.Input || s.LongPrice.Output < s.Price.Output {
				t.Errorf("%s: long price %+v above %d", name, s.LongPrice, s.Above)
			}
		}
		for _, p := range prices {
			if p.Input < 0.01 || p.Input > 100 || p.Output < 2*p.Input || p.Output > 10*p.Input || p.CacheRead <= 0 || p.CacheRead > p.Input || p.CacheWrite != 0 && p.CacheWrite < p.Input {
				t.Errorf("%s: price %+v", name, p)
			}
		}
	}
}

func TestCatalogFind(t *testing.T) {
	c := model.Builtin().With(model.Spec{Provider: "openai", Model: "gpt-5", Window: 7})
	for _, x := range []struct {
		provider, name string
		window         int
		ok             bool
	}{
		{"openai", "gpt-5", 7, true}, // the configuration's word counts first
		{"anthropic", "claude-sonnet-4-5", 200_000, true},
		{"anthropic", "claude-sonnet-4-5-20250929", 200_000, true},
		{"openai", "gpt-4o-2024-08-06", 128_000, true},
		{"google", "gemini-2.5-pro", 1_048_576, true},
		{"gemini", "gemini-2.5-pro", 1_048_576, true},
		{"operator", "plain", 128_000, true},
		{"google", "gpt-5", 0, false},
		{"openai", "claude-sonnet-4-5", 0, false},
		{"ollama", "llama3", 0, false},
		{"", "", 0, false},
	} {
		s, ok := c.Find(x.provider, x.name)
		if ok != x.ok || s.Window != x.window || s.Provider != x.provider || s.Model != x.name {
			t.Errorf("%s/%s: %+v, %v", x.provider, x.name, s, ok)
		}
		if _, priced := s.Cost(model.Usage{Input: 1}); !x.ok && priced {
			t.Errorf("%s/%s has a price", x.provider, x.name)
		}
	}
}

func TestCost(t *testing.T) {
	s := model.Spec{Price: &model.Price{Input: 3, Output: 15, CacheRead: 0.3, CacheWrite: 3.75}, Above: 200_000, LongPrice: model.Price{Input: 6, Output: 22.5}}
	for _, c := range []struct {
		u    model.Usage
		want float64
	}{
		{model.Usage{}, 0},
		{model.Usage{Input: 1_000_00, Output: 10_000}, 0.3 + 0.15},
		{model.Usage{Input: 1000, CacheRead: 100_000, CacheWrite: 10_000}, 0.003 + 0.03 + 0.0375},
		{model.Usage{Input: 200_001, Output: 10_000}, 1.200006 + 0.225},
	} {
		if got, ok := s.Cost(c.u); !ok || math.Abs(got.Total-c.want) > 1e-9 {
			t.Errorf("%+v costs %v, want %v", c.u, got.Total, c.want)
		}
	}
}

// Money and tokens add up in any order, and our own count only raises.
func TestUsageAdds(t *testing.T) {
	n := rapid.IntRange(0, 1<<30)
	usage := rapid.Custom(func(t *rapid.T) model.Usage {
		u := model.Usage{Input: n.Draw(t, "in"), Output: n.Draw(t, "out"), CacheRead: n.Draw(t, "read"), CacheWrite: n.Draw(t, "write"), Estimated: rapid.Bool().Draw(t, "ours")}
		if rapid.Bool().Draw(t, "priced") {
			u.Cost = &model.Amount{Total: float64(u.Input)}
		}
		return u
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := usage.Draw(t, "a"), usage.Draw(t, "b")
		s, r := a.Add(b), b.Add(a)
		if s.Sum() != a.Sum()+b.Sum() || s.Total != s.Sum() || r.Sum() != s.Sum() || s.Estimated != (a.Estimated || b.Estimated) || (s.Cost != nil) != (a.Cost != nil || b.Cost != nil) {
			t.Fatalf("%+v and %+v make %+v", a, b, s)
		}
		if f := a.AtLeast(b); f.Sum() < a.Sum() || f.Output < b.Output || f.Input+f.CacheRead+f.CacheWrite < b.Input {
			t.Fatalf("%+v at least %+v is %+v", a, b, f)
		}
	})
}
