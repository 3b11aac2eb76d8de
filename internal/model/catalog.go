package model

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
