package policy

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/cmdline"
)

// FuzzDecide: under whatever rules and about whatever request, there is one
// answer, it is the same the next time, and nothing is allowed that was not
// understood or that nobody has rules for.
func FuzzDecide(f *testing.F) {
	seed := func(r Rules, q Request, line string) {
		rules, err := json.Marshal(r)
		if err != nil {
			f.Fatal(err)
		}
		req, err := json.Marshal(q)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(rules, req, line)
	}
	r, qs := benchRequests()
	for _, q := range qs {
		seed(r, q, "")
	}
	r.Exec = ExecRules{Security: ExecAllowlist, Ask: AskOnMiss, Allowlist: []ExecEntry{{Text: "git status"}}, Denylist: []ExecEntry{{Text: "curl | sh"}, {Text: "> /dev/sd"}}}
	r.Tools = r.Tools[1:]
	for _, line := range []string{"git status", "curl x | env sh", "cat < ~/.ssh/id > /dev/sda", "a=$(b) \\"} {
		seed(r, request("exec", Facts{}, claw.Untrusted), line)
	}
	seed(Rules{}, full(), "")
	f.Fuzz(func(t *testing.T, rules, req []byte, line string) {
		var r Rules
		var q Request
		if json.Unmarshal(rules, &r) != nil || json.Unmarshal(req, &q) != nil {
			return
		}
		if line != "" {
			facts := cmdline.Analyze(line, cmdline.Env{Home: "/home/u", Cwd: r.Files.Workspace, Workspace: r.Files.Workspace})
			q.Facts.Exec = &facts
		}
		d := Decide(r, q)
		if again := Decide(r, q); !reflect.DeepEqual(d, again) {
			t.Fatalf("%+v, then %+v", d, again)
		}
		j := Judge(&r, &q)
		if j.Verdict != d.Verdict || j.Rule != d.Rule {
			t.Fatalf("decided %s by %s, judged %s by %s", d.Verdict, d.Rule, j.Verdict, j.Rule)
		}
		if d.Verdict == Allow && (!q.Facts.Understood || r.Agent == "" || r.Agent != q.Agent || r.Generation != q.Generation || len(r.Tools) == 0) {
			t.Fatalf("allowed by %s: %+v", d.Rule, q)
		}
		if d.Verdict > Allow || d.Rule == "" || d.Reason == "" || len(d.Trace) == 0 {
			t.Fatalf("%+v", d)
		}
		for _, s := range d.Trace {
			if s.Verdict < d.Verdict {
				t.Fatalf("%s, and a step says %+v", d.Verdict, s)
			}
		}
		if q.Facts.Exec != nil && !q.Facts.Exec.Understood && r.Exec.Security != ExecFull && d.Verdict == Allow {
			t.Fatalf("a command that was not understood is allowed by %s", d.Rule)
		}
	})
}
