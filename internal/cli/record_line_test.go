package cli

import (
	"encoding/json"
	"testing"

	"github.com/openclaw-go/openclaw/internal/chain"
	"github.com/openclaw-go/openclaw/internal/journal"
)

func TestRecordText(t *testing.T) {
	for _, c := range []struct {
		phase chain.Phase
		data  string
		want  string
	}{
		{chain.Intent, `{"tool":"exec","decision":18,"command":[["ls","-la"],["wc","-l"]]}`, "starts ls -la ; wc -l"},
		{chain.Intent, `{"tool":"write","decision":18}`, "starts write (decided in 18)"},
		{chain.Outcome, `{"tool":"exec","status":"done","run":{"exitCode":2,"enforced":"isolated"},"tookMs":50}`, "done: exit 2, isolated, 50 ms"},
		{chain.Outcome, `{"tool":"exec","status":"refused","rule":"sandbox.level_unavailable","tookMs":1}`, "exec refused, 1 ms sandbox.level_unavailable"},
		{chain.Outcome, `{"status":"unknown","reason":"the gateway ended"}`, "outcome unknown of 7: the gateway ended"},
		{chain.Single, `{"tool":"exec","verdict":"deny","rule":"exec.denylist"}`, "exec deny exec.denylist"},
		{chain.Single, `{"direction":"in","labels":[],"bytes":6}`, "in, 6 bytes"},
		{chain.Single, `{"approval":"b6","state":"allowed","scope":"once","by":{"surface":"cli"}}`, "allowed once by cli"},
		{chain.Single, `{"client":"cli","conn":"9c","from":"owner's socket"}`, "cli from owner's socket"},
		{chain.Single, `{"count":"3","kind":"shared","source":"127.0.0.1"}`, "3 from 127.0.0.1"},
		{chain.Single, `{"version":"1"}`, `{"version":"1"}`},
		{chain.Single, `[1]`, `[1]`},
	} {
		if got := recordText(journal.Record{Phase: c.phase, Ref: 7, Data: json.RawMessage(c.data)}); got != c.want {
			t.Errorf("%s: %q, want %q", c.data, got, c.want)
		}
	}
}
