package standing

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openclaw-go/openclaw/internal/claw"
)

const upstream = `{ "version": 1, "later": {"a": [1]},
  "socket": { "path": "~/s.sock", "token": "t0ken", "x": 1 },
  "defaults": { "security": "deny", "ask": "on-miss", "askFallback": "full", "autoAllowSkills": true },
  "agents": {
    "main": { "security": "allowlist", "note": "kept",
      "allowlist": [
        { "id": "B0", "pattern": "~/Projects/**/bin/rg", "lastUsedAt": 1737150000000, "later": true },
        { "id": "B1", "pattern": "/usr/bin/python3", "argPattern": "^safe\\.py$" },
        { "id": "B2", "pattern": "/usr/bin/git", "argPattern": "sha256:argv:00", "source": "allow-always" },
        { "id": "B3", "pattern": "/usr/bin/rg" } ] },
    "*": { "ask": "always", "allowlist": [ { "pattern": "wc" } ] } } }`

func TestADocumentOfAHome(t *testing.T) {
	d, err := Parse([]byte(upstream))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := d.Limits("main"), (Limits{"allowlist", "always", "full"}); got != want {
		t.Errorf("limits of main: %+v", got)
	}
	if got, want := d.Limits("other"), (Limits{"deny", "always", "full"}); got != want {
		t.Errorf("limits of another agent: %+v", got)
	}
	rules, unused := d.Rules("/home/u", nil)
	var used, not []string
	for _, r := range rules {
		used = append(used, string(r.Agent)+" "+r.Entry.Pattern)
	}
	for _, u := range unused {
		not = append(not, strings.TrimSpace(string(u.Agent)+" "+u.What))
		if u.Reason == "" {
			t.Errorf("%+v says no reason", u)
		}
	}
	if diff := cmp.Diff([]string{"* wc", "main /usr/bin/rg"}, used); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"autoAllowSkills", "askFallback full", "main ~/Projects/**/bin/rg", "main /usr/bin/python3", "main /usr/bin/git"}, not); diff != "" {
		t.Error(diff)
	}
}

func TestUnknownFieldsAreKept(t *testing.T) {
	d, err := Parse([]byte(upstream))
	if err != nil {
		t.Fatal(err)
	}
	r := of(t, "cp a b")[0]
	r.ID = "mine"
	if err := d.Add(r); err != nil {
		t.Fatal(err)
	}
	b, err := d.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	again, err := Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := again.Remove(func(_ claw.AgentID, id, _ string) bool { return id == "mine" }); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	b, err = again.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	var was, is any
	if json.Unmarshal([]byte(upstream), &was) != nil || json.Unmarshal(b, &is) != nil {
		t.Fatal("not JSON")
	}
	if diff := cmp.Diff(was, is); diff != "" {
		t.Error(diff)
	}
}

// An answer is in force only while its entry and the whole of it agree.
func TestAnAnswerNeedsBothHalves(t *testing.T) {
	d, r := New(), of(t, "cp a b")[0]
	r.ID = "mine"
	if err := d.Add(r); err != nil {
		t.Fatal(err)
	}
	own := map[string]Rule{"mine": r}
	if rules, unused := d.Rules("/home/u", own); len(rules) != 1 || rules[0].Exact == nil || len(unused) > 0 {
		t.Fatal(rules, unused)
	}
	if rules, unused := d.Rules("/home/u", nil); len(rules) > 0 || len(unused) != 1 {
		t.Error("an entry alone is in force")
	}
	if rules, _ := New().Rules("/home/u", own); len(rules) > 0 {
		t.Error("an answer without its entry is in force")
	}
	for _, change := range []func(*Rule){
		func(r *Rule) { r.Agent = "other" },
		func(r *Rule) { e := *r.Exact; e.Argv = []string{"cp", "a", "c"}; r.Exact = &e },
		func(r *Rule) { e := *r.Exact; e.Program.Path = "/usr/bin/mv"; r.Exact = &e },
	} {
		other := r
		change(&other)
		if rules, _ := d.Rules("/home/u", map[string]Rule{"mine": other}); len(rules) > 0 {
			t.Errorf("%v is in force for another entry", rules[0].Text())
		}
	}
	for _, bad := range []Rule{{}, {ID: "x", Agent: "main"}, {ID: "x", Agent: "main", Exact: &Exact{}}, {ID: "x", Agent: "main", Exact: r.Exact, Entry: &Entry{}}} {
		if d.Add(bad) == nil {
			t.Errorf("%+v was added", bad)
		}
	}
}

func TestWhatIsNoDocument(t *testing.T) {
	for _, s := range []string{``, `null`, `[]`, `{`, `{} x`, `{"version":2}`, `{"agents":1}`, `{"agents":{"a":{"allowlist":{}}}}`, `{"agents":{"a":{"security":"loose"}}}`,
		`{"defaults":{"ask":1}}`, `{"defaults":[]}`, `{"defaults":{"askFallback":""}}`} {
		if _, err := Parse([]byte(s)); err == nil {
			t.Errorf("%q was read", s)
		}
	}
	d, err := Parse([]byte(`{"agents":{"default":{"ask":"always"}}}`))
	if err != nil || d.Limits("main").Ask != "always" {
		t.Error("the older name of the first agent was not understood", err)
	}
}

func TestTheTokenStays(t *testing.T) {
	old, err := Parse([]byte(upstream))
	if err != nil {
		t.Fatal(err)
	}
	shown, err := Parse([]byte(`{"socket":{"path":"~/s.sock"}}`))
	if err != nil {
		t.Fatal(err)
	}
	shown.KeepToken(old)
	if b, err := shown.Bytes(); err != nil || !strings.Contains(string(b), "t0ken") {
		t.Error(string(b), err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(upstream))
	f.Add([]byte(`{"agents":{"a":{"allowlist":[null,{}]}}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := Parse(b)
		if err != nil {
			return
		}
		out, err := d.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse(out)
		if err != nil {
			t.Fatalf("%q was written and cannot be read: %v", out, err)
		}
		one, _ := d.Rules("/home/u", nil)
		two, _ := again.Rules("/home/u", nil)
		if diff := cmp.Diff(one, two); diff != "" {
			t.Fatal(diff)
		}
		for _, r := range one {
			if r.Entry == nil {
				t.Fatal("an answer was read out of a document alone")
			}
		}
	})
}
