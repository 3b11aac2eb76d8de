package ocsf_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/chain"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/journal/ocsf"
)

// Every event has a class whose numbers belong together, and nothing of the
// entry is left out.
func TestEvents(t *testing.T) {
	owner := claw.Principal{Surface: claw.SurfaceCLI, Standing: claw.Owner, Name: "o\u202ex"}
	for _, c := range []struct {
		event    chain.Event
		phase    chain.Phase
		data     string
		class    float64
		activity float64
		status   string
		severity float64
		field    string // of the result
	}{
		{"auth.failure", chain.Single, `{"source":"198.51.100.7"}`, 3002, 1, "Failure", 3, "src_endpoint"},
		{"auth.success", chain.Single, `{}`, 3002, 1, "Success", 1, "user"},
		{"exec.command", chain.Intent, `{"tool":"exec","command":[["git","status"]]}`, 1007, 1, "Success", 1, "process"},
		{"exec.command", chain.Outcome, `{"status":"failed"}`, 1007, 2, "Failure", 1, "process"},
		{"exec.command", chain.Outcome, `{"status":"unknown"}`, 1007, 2, "Unknown", 3, "process"},
		{"egress.request", chain.Single, `{"host":{"name":"example.org"},"verdict":"allow"}`, 4001, 1, "Success", 1, "dst_endpoint"},
		{"decision", chain.Single, `{"tool":"exec","verdict":"deny","rule":"exec.not_on_allowlist"}`, 6003, 99, "Failure", 2, "firewall_rule"},
		{"config.change", chain.Single, `{}`, 5019, 1, "Success", 1, "actor"},
		{"gateway.stop", chain.Single, `{}`, 6002, 4, "Success", 1, "actor"},
		{"lockdown", chain.Single, `{}`, 0, 99, "Success", 5, "actor"},
		{"what.nobody.knows", chain.Single, `{"verdict":7}`, 0, 99, "Success", 1, "actor"},
	} {
		e := chain.Entry{Seq: 7, Time: time.Unix(1_790_000_000, 5_000_000).UTC(), Event: c.event, Agent: "main", Session: "agent:main:main", Principal: owner, Phase: c.phase, Data: json.RawMessage(c.data)}
		if c.phase == chain.Outcome {
			e.Ref = 3
		}
		line, _, err := chain.Encode(nil, &e)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := ocsf.Event(&e)
		if err != nil {
			t.Fatalf("%s: %v", c.event, err)
		}
		var got map[string]any
		if err := json.Unmarshal(raw, &got); err != nil {
			t.Fatalf("%s: %v", c.event, err)
		}
		if got["class_uid"] != c.class || got["activity_id"] != c.activity || got["type_uid"] != c.class*100+c.activity ||
			got["category_uid"] != float64(int(c.class)/1000) || got["status"] != c.status || got["severity_id"] != c.severity || got["time"] != 1_790_000_000_005.0 {
			t.Errorf("%s %s: %s", c.event, c.phase, raw)
		}
		if got[c.field] == nil {
			t.Errorf("%s: no %s in %s", c.event, c.field, raw)
		}
		whole, err := json.Marshal(got["unmapped"])
		var a, b any
		if err != nil || json.Unmarshal(whole, &a) != nil || json.Unmarshal(line, &b) != nil || !equal(a, b) {
			t.Errorf("%s: the entry is not whole: %s", c.event, whole)
		}
		for _, r := range string(raw) {
			if r == 0x202e || r < 0x20 {
				t.Errorf("%s: a raw control character in %q", c.event, raw)
			}
		}
	}
}

func equal(a, b any) bool {
	x, err := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err == nil && err2 == nil && string(x) == string(y)
}
