package model

import (
	"regexp"
	"sync"
)

// Price is in US dollars per million tokens.
type Price struct {
	Input, Output, CacheRead, CacheWrite float64
}

// Spec is what is known of one model.
type Spec struct {
	Provider string // "anthropic", "openai", "gemini" …
	Model    string
	Window   int // context, in tokens
	Output   int // longest reply, in tokens
	Images   bool
	// Price is nil when unknown; a model that is known to cost nothing has a
	// zero Price.
	Price *Price
	// Above is the number of input tokens from which LongPrice holds; 0: never.
	Above     int
	LongPrice Price
}

// Amount is money in US dollars.
type Amount struct {
	Input      float64 `json:"input"`
	Output     float64 `json:"output"`
	CacheRead  float64 `json:"cacheRead"`
	CacheWrite float64 `json:"cacheWrite"`
	Total      float64 `json:"total"`
}

func (a Amount) add(b Amount) Amount {
	return Amount{a.Input + b.Input, a.Output + b.Output, a.CacheRead + b.CacheRead, a.CacheWrite + b.CacheWrite, a.Total + b.Total}
}

// Cost prices a usage. The second result is false for a model without a known
// price: a budget in money must then refuse, since the amount says nothing.
func (s Spec) Cost(u Usage) (Amount, bool) {
	if s.Price == nil {
		return Amount{}, false
	}
	p := *s.Price
	if s.Above > 0 && u.Input+u.CacheRead+u.CacheWrite > s.Above {
		p = s.LongPrice
	}
	const million = 1e6
	a := Amount{
		Input: float64(u.Input) * p.Input / million, Output: float64(u.Output) * p.Output / million,
		CacheRead: float64(u.CacheRead) * p.CacheRead / million, CacheWrite: float64(u.CacheWrite) * p.CacheWrite / million,
	}
	a.Total = a.Input + a.Output + a.CacheRead + a.CacheWrite
	return a, true
}

// Catalog is a list of models; on a tie the first entry counts.
type Catalog []Spec

// With puts specs before those of the catalog, so that they count first.
func (c Catalog) With(specs ...Spec) Catalog {
	return append(append(Catalog{}, specs...), c...)
}

// Find looks a model up by the provider's own name for it, with or without a
// date at its end. An unknown model is returned without a price and false.
func (c Catalog) Find(provider, model string) (Spec, bool) {
	if s, ok := c.find(provider, model); ok || provider != "google" {
		return s, ok
	}
	s, ok := c.find("gemini", model) // one provider, two names in configurations
	s.Provider = provider
	return s, ok
}

func (c Catalog) find(provider, model string) (Spec, bool) {
	for _, name := range []string{model, undated(model)} {
		for _, s := range c {
			if s.Provider == provider && s.Model == name {
				s.Model = model
				return s, true
			}
		}
	}
	return Spec{Provider: provider, Model: model}, false
}

// undated takes a date or "-latest" off a model's name.
func undated(model string) string {
	return dateSuffix().ReplaceAllString(model, "")
}

var dateSuffix = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?:-20\d{6}|-20\d\d-\d\d-\d\d|-latest)$`) })

// Windows and longest replies in the table below.
const (
	k128 = 128_000
	k200 = 200_000
	k272 = 272_000
	k400 = 400_000
	m1   = 1_000_000
	mi1  = 1_048_576
)

// Builtin lists well-known models with their list prices of November 2026.
// Cache reads and writes are those of the short-lived cache that the providers
// here ask for. Routers and local servers have no entry: their prices are
// theirs to name in the configuration.
func Builtin() Catalog {
	cost := func(in, out, read, write float64) *Price { return &Price{in, out, read, write} }
	return Catalog{
		{"anthropic", "claude-opus-5", m1, k128, true, cost(5, 25, 0.5, 6.25), 0, Price{}},
		{"anthropic", "claude-opus-4-8", m1, k128, true, cost(5, 25, 0.5, 6.25), 0, Price{}},
		{"anthropic", "claude-opus-4-7", m1, k128, true, cost(5, 25, 0.5, 6.25), 0, Price{}},
		{"anthropic", "claude-opus-4-6", m1, k128, true, cost(5, 25, 0.5, 6.25), 0, Price{}},
		{"anthropic", "claude-opus-4-5", k200, 64_000, true, cost(5, 25, 0.5, 6.25), 0, Price{}},
		{"anthropic", "claude-opus-4-1", k200, 32_000, true, cost(15, 75, 1.5, 18.75), 0, Price{}},
		{"anthropic", "claude-sonnet-5", m1, k128, true, cost(2, 10, 0.2, 2.5), 0, Price{}},
		{"anthropic", "claude-sonnet-4-6", m1, 64_000, true, cost(3, 15, 0.3, 3.75), 0, Price{}},
		{"anthropic", "claude-sonnet-4-5", k200, 64_000, true, cost(3, 15, 0.3, 3.75), 0, Price{}},
		{"anthropic", "claude-sonnet-4", k200, 64_000, true, cost(3, 15, 0.3, 3.75), 0, Price{}},
		{"anthropic", "claude-haiku-4-5", k200, 64_000, true, cost(1, 5, 0.1, 1.25), 0, Price{}},
		{"openai", "gpt-5.5", 1_050_000, k128, true, cost(5, 30, 0.5, 0), k272, Price{10, 45, 1, 0}},
		{"openai", "gpt-5.4", 1_050_000, k128, true, cost(2.5, 15, 0.25, 0), k272, Price{5, 22.5, 0.5, 0}},
		{"openai", "gpt-5.4-mini", k400, k128, true, cost(0.75, 4.5, 0.075, 0), 0, Price{}},
		{"openai", "gpt-5.4-nano", k400, k128, true, cost(0.2, 1.25, 0.02, 0), 0, Price{}},
		{"openai", "gpt-5.3-codex", k400, k128, true, cost(1.75, 14, 0.175, 0), 0, Price{}},
		{"openai", "gpt-5.2", k400, k128, true, cost(1.75, 14, 0.175, 0), 0, Price{}},
		{"openai", "gpt-5.1", k400, k128, true, cost(1.25, 10, 0.125, 0), 0, Price{}},
		{"openai", "gpt-5", k400, k128, true, cost(1.25, 10, 0.125, 0), 0, Price{}},
		{"openai", "gpt-5-mini", k400, k128, true, cost(0.25, 2, 0.025, 0), 0, Price{}},
		{"openai", "gpt-5-nano", k400, k128, true, cost(0.05, 0.4, 0.005, 0), 0, Price{}},
		{"openai", "gpt-4.1", 1_047_576, 32_768, true, cost(2, 8, 0.5, 0), 0, Price{}},
		{"openai", "gpt-4.1-mini", 1_047_576, 32_768, true, cost(0.4, 1.6, 0.1, 0), 0, Price{}},
		{"openai", "gpt-4o", k128, 16_384, true, cost(2.5, 10, 1.25, 0), 0, Price{}},
		{"openai", "gpt-4o-mini", k128, 16_384, true, cost(0.15, 0.6, 0.075, 0), 0, Price{}},
		{"openai", "o3", k200, 100_000, true, cost(2, 8, 0.5, 0), 0, Price{}},
		{"openai", "o4-mini", k200, 100_000, true, cost(1.1, 4.4, 0.275, 0), 0, Price{}},
		{"gemini", "gemini-3.8-flash", m1, 65_535, true, cost(0.75, 3.75, 0.075, 0), 0, Price{}},
		{"gemini", "gemini-3.5-flash", mi1, 65_536, true, cost(1.5, 9, 0.15, 0), 0, Price{}},
		{"gemini", "gemini-3.1-pro-preview", mi1, 65_536, true, cost(2, 12, 0.2, 0), k200, Price{4, 18, 0.4, 0}},
		{"gemini", "gemini-2.5-pro", mi1, 65_536, true, cost(1.25, 10, 0.125, 0), k200, Price{2.5, 15, 0.25, 0}},
		{"gemini", "gemini-2.5-flash", mi1, 65_536, true, cost(0.3, 2.5, 0.03, 0), 0, Price{}},
		{"gemini", "gemini-2.5-flash-lite", mi1, 65_536, true, cost(0.1, 0.4, 0.01, 0), 0, Price{}},
		{"operator", "operator", k128, k128, false, &Price{}, 0, Price{}},
		{"operator", "plain", k128, k128, false, &Price{}, 0, Price{}},
	}
}
