package model

import "encoding/json"

// Rough sizes. Tokenizers for English and code take 3.5 to 4 bytes a token; 3
// errs on the dear side for them. One byte a token is the hard upper bound of
// byte-level tokenizers.
const (
	bytesPerToken   = 3
	tokensPerItem   = 8    // frame of a message, a block or a tool
	tokensPerImage  = 1600 // dearest of the three providers at full size
	reserveOverhead = 512  // the provider's own tool preamble
)

// EstimateRequest counts the input tokens of a request, rather too many than
// too few, without a tokenizer.
func EstimateRequest(r Request) int {
	n := 0
	for _, p := range r.System {
		n += tokensPerItem + len(p.Text)/bytesPerToken
	}
	for _, t := range r.Tools {
		n += tokensPerItem + (len(t.Name)+len(t.Description)+len(t.Schema))/bytesPerToken
	}
	for _, m := range r.Messages {
		n += EstimateMessage(m)
	}
	return n
}

// EstimateMessage counts the tokens of one message.
func EstimateMessage(m Message) int {
	n := tokensPerItem
	for _, b := range m.Content {
		n += tokensPerItem
		switch b.Kind {
		case BlockText, BlockThinking:
			n += len(b.Text) / bytesPerToken
		case BlockToolCall:
			n += (len(b.Call.Name) + len(b.Call.Arguments) + len(b.Call.Raw)) / bytesPerToken
		case BlockImage:
			n += tokensPerImage
		}
	}
	return n
}

// Reserve is the most that a request can come to, for a budget to set aside
// before the call: a token for each byte in, and the longest reply out. A
// reply is charged by Charge afterwards.
func (s Spec) Reserve(r Request) Usage {
	in := EstimateRequest(r)*bytesPerToken + reserveOverhead
	if s.Window > 0 && in > s.Window {
		in = s.Window
	}
	out := r.MaxTokens
	if out == 0 {
		out = or(s.Output, DefaultMaxTokens)
	}
	u := Usage{Input: in, Output: out, Estimated: true}
	u.Total = u.Sum()
	return u
}

// Charge is what a finished call is charged: what the provider reported, but
// not less than a low count of our own, since some report nothing and a
// hostile one too little.
func Charge(r Request, reply Message) Usage {
	var reported Usage
	if reply.Usage != nil {
		reported = *reply.Usage
	}
	return ChargeAtLeast(reported, EstimateRequest(r), EstimateMessage(reply))
}

// ChargeAtLeast is Charge by our own estimates of what went out and came back.
func ChargeAtLeast(reported Usage, in, out int) Usage {
	if reported.Input+reported.CacheRead+reported.CacheWrite > 0 && reported.Output > 0 {
		return reported.AtLeast(Usage{Input: in / 4, Output: out / 4})
	}
	return reported.AtLeast(Usage{Input: in, Output: out})
}

// EmptySchema is the schema of a tool without parameters.
func EmptySchema() json.RawMessage { return json.RawMessage(`{"type":"object","properties":{}}`) }
