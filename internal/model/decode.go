package model

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// Decode reads JSON that a provider sent into v; its error says that the reply
// cannot be understood, without repeating it.
func Decode(data []byte, v any) error {
	if err := json.Unmarshal(data, v); err != nil {
		return Invalidf("reply cannot be read: %s", Line(err.Error()))
	}
	return nil
}

// Tokens is a count as a provider reports it: null, negative and absurd
// numbers become something that can be added up.
type Tokens int

const maxTokens = 1 << 30

// UnmarshalJSON reads any JSON number; everything else counts as 0.
func (t *Tokens) UnmarshalJSON(data []byte) error {
	f, err := strconv.ParseFloat(string(bytes.TrimSpace(data)), 64)
	switch {
	case err != nil || !(f > 0):
		*t = 0
	case f > maxTokens:
		*t = maxTokens
	default:
		*t = Tokens(f)
	}
	return nil
}
