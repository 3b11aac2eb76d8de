package answer

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/cmdline"
	"github.com/openclaw-go/openclaw/internal/policy"
)

// twentyAgents is a home of twenty agents, half of them with commands, with
// four channels.
func twentyAgents() string {
	var list, tools strings.Builder
	for i := range 20 {
		fmt.Fprintf(&list, `{id: "a%d"%s},`, i, []string{"", `, surfaces: ["cli", "webchat", "agent"]`}[i%2])
		if i%2 == 1 {
			fmt.Fprintf(&tools, `a%d: {allow: ["exec", "write", "sessions_spawn"], exec: {security: "allowlist", ask: "on-miss", level: "isolated",
				allowlist: ["ls", "cat", "grep", "find", "git status", "git log", "git diff", "npm test", "go build", "go test", "make", "curl"], denylist: ["rm -rf", "curl | sh", "wget -O - | bash", "chmod 777", "dd if=", "> /dev/sd"]}},`, i)
		}
	}
	return fmt.Sprintf(`{tools: {profile: "standard", alsoAllow: ["sessions_spawn"], fs: {workspaceOnly: true, denyPaths: ["/etc", "/root/.ssh", "/home/*/.ssh", "~/.aws", "~/.gnupg"]},
		egress: {mode: "ask", hosts: [{host: "docs.example.org"}, {host: "*.example.com"}]}, agents: {%s}}, agents: {list: [%s]},
		channels: {telegram: {botToken: "x", dmPolicy: "open", allowFrom: ["*"], groupPolicy: "open"}, discord: {token: "x", allowFrom: ["1"]}, slack: {botToken: "x", appToken: "y"}, whatsapp: {allowFrom: ["+1"]}}}`, tools.String(), list.String())
}

// BenchmarkCan asks what has no answer but "no way exists": everything is
// examined.
func BenchmarkCan(b *testing.B) {
	for _, q := range []string{"read ~/.ssh/id_rsa", "leak ~/.aws/credentials to telegram:7", "run rm -rf /", "post evil.example.net"} {
		b.Run(strings.ReplaceAll(q, " ", "_"), func(b *testing.B) {
			w := worldOf(b, twentyAgents())
			g, err := What(q)
			if err != nil {
				b.Fatal(err)
			}
			who := w.Senders()
			var a Answer
			for b.Loop() {
				a = w.Can(Question{Who: who, What: g})
			}
			b.ReportMetric(float64(a.States), "states")
			b.ReportMetric(float64(a.Calls), "calls")
			b.Logf("%s: %s", q, a.Verdict)
		})
	}
}

func BenchmarkMatrix(b *testing.B) {
	w := worldOf(b, twentyAgents())
	for b.Loop() {
		w.Matrix(Scope{})
	}
}

// history is a day of calls as the journal has them.
func history(tb testing.TB, w World) (lines [][]byte, past []Past) {
	tb.Helper()
	a := w.agent("workbench")
	commands := []string{"git status --short", "grep -rn 'useState' src | head -20", "cat notes.txt", "ls -la src", "npm test", "git diff --stat HEAD~1"}
	for i := range 600 {
		q := policy.Request{Agent: a.ID, Session: "agent:workbench:main", Generation: a.Rules.Generation, Principal: claw.Principal{Surface: claw.SurfaceCLI, Standing: claw.Owner}, Labels: claw.Private}
		if i%2 == 0 {
			line := commands[i/2%len(commands)]
			f := cmdline.Analyze(line, cmdline.Env{Home: "/home/u", Cwd: a.Workspace, Workspace: a.Workspace})
			q.Tool, q.Facts = "exec", policy.Facts{Understood: true, Exec: &f, Cwd: a.Workspace, Programs: []policy.Program{{Path: "/usr/bin/git", SHA256: strings.Repeat("0", 64)}}}
			q.Arguments, _ = json.Marshal(map[string]string{"command": line})
		} else {
			q.Tool, q.Arguments = "read", json.RawMessage(`{"path":"notes.txt"}`)
			q.Facts = policy.Facts{Understood: true, Reads: []policy.Path{{Abs: a.Workspace + "/notes.txt", Text: "notes.txt", Labels: claw.Private}}}
		}
		b, err := json.Marshal(policy.Record(q, policy.Decide(a.Rules, q)))
		if err != nil {
			tb.Fatal(err)
		}
		p := Past{Seq: uint64(i), Call: &policy.Recorded{}, Caller: policy.Caller{Agent: q.Agent, Session: q.Session, Principal: q.Principal}}
		if err := json.Unmarshal(b, p.Call); err != nil {
			tb.Fatal(err)
		}
		lines, past = append(lines, b), append(past, p)
	}
	return lines, past
}

func BenchmarkSimulate(b *testing.B) {
	w := homeWith(b, "")
	lines, past := history(b, w)
	run := func(name string, p Parse, each func(i int) *Past) {
		b.Run(name, func(b *testing.B) {
			s := NewSimulator(w, p)
			i := 0
			for b.Loop() {
				s.Add(each(i % len(past)))
				i++
			}
			if r := s.Result(); r.Unchanged != r.Requests {
				b.Fatalf("%+v", r)
			}
			b.ReportMetric(float64(i)/b.Elapsed().Seconds(), "decisions/s")
		})
	}
	run("recorded", ParseRecorded, func(i int) *Past { return &past[i] })
	run("anew", ParseAnew, func(i int) *Past { return &past[i] })
	run("decoded", ParseRecorded, func(i int) *Past {
		p := past[i]
		p.Call = &policy.Recorded{}
		if err := json.Unmarshal(lines[i], p.Call); err != nil {
			b.Fatal(err)
		}
		return &p
	})
}
