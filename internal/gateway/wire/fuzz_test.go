package wire_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/openclaw-go/openclaw/internal/gateway/wire"
)

func FuzzDecodeRequest(f *testing.F) {
	for _, s := range []string{`{"type":"req","id":"1","method":"health","params":{}}`, `{"type":"req","id":"1","method":"m","params":null}`, `{"type":"res","id":"1"}`,
		`{"type":"req","id":"1","method":"m","params":[]}`, `{}{}`, `[`, "\xff", `{"type":"req","id":"` + strings.Repeat("x", 129) + `","method":"m"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := wire.DecodeRequest(b)
		if err != nil {
			if !errors.Is(err, wire.ErrFrame) && !errors.Is(err, wire.ErrNotUTF8) {
				t.Fatalf("%q: error %v is of no class", b, err)
			}
			if len(r.ID) > 128 {
				t.Fatalf("an id of %d bytes would be answered", len(r.ID))
			}
			return
		}
		if !utf8.Valid(b) || r.ID == "" || len(r.ID) > 128 || r.Method == "" || len(r.Method) > 64 {
			t.Fatalf("%q was accepted as %+v", b, r)
		}
		var object map[string]json.RawMessage
		if r.Params != nil && json.Unmarshal(r.Params, &object) != nil {
			t.Fatalf("%q: parameters %q are no object", b, r.Params)
		}
		for _, frame := range [][]byte{wire.EncodeResult(r.ID, json.RawMessage(`{}`)), wire.EncodeEvent(r.Method, nil, 1), wire.EncodeError(r.ID, &wire.Error{Code: wire.NotFound, Message: r.Method})} {
			if !json.Valid(frame) {
				t.Fatalf("%q is answered with %q", b, frame)
			}
		}
	})
}
