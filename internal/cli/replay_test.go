package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/answer"
	"github.com/openclaw-go/openclaw/internal/chain"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/cmdline"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/posture"
)

// pastWorld is a home whose agent runs commands.
func pastWorld(tb testing.TB) answer.World {
	tb.Helper()
	c, ps := config.ParseBytes("new.json", []byte(`{tools: {profile: "standard", exec: {security: "allowlist", ask: "on-miss", allowlist: ["ls", "cat", "grep", "git status"], denylist: ["rm -rf", "curl | sh"]},
		agents: {workbench: {allow: ["exec", "read"]}}}, agents: {list: [{id: "workbench", workspace: "/home/u/ws"}]}}`), nil)
	if ps.HasErrors() {
		tb.Fatal(ps.Err())
	}
	return answer.Of(c, posture.Of(c, posture.World{Home: "/home/u", State: "/home/u/.openclaw", Config: "/home/u/.openclaw/openclaw.json"}), "/home/u", []claw.ToolName{"exec", "read"})
}

// pastFile writes n decisions about some hundred different commands.
func pastFile(tb testing.TB, n int) string {
	tb.Helper()
	file := filepath.Join(tb.TempDir(), "audit.log")
	out, err := os.Create(file)
	if err != nil {
		tb.Fatal(err)
	}
	const ws = "/home/u/ws"
	rules := policy.Rules{Agent: "workbench", Generation: "g", Tools: []policy.ToolLayer{{Layer: policy.LayerProfile, Name: "x"}}, Files: policy.FileRules{Workspace: ws},
		Exec: policy.ExecRules{Security: policy.ExecAllowlist, Ask: policy.AskOnMiss, Allowlist: []policy.ExecEntry{{Text: "git"}, {Text: "ls"}}}}
	var prev chain.Hash
	var buf []byte
	datas := map[string]json.RawMessage{}
	for i := range n {
		line := fmt.Sprintf([]string{"git status --short # %d", "grep -rn 'useState%d' src | head -20", "cat notes%d.txt", "ls -la src%d", "npm test -- %d", "git diff --stat HEAD~%d"}[i%6], i/6%100)
		if datas[line] == nil {
			f := cmdline.Analyze(line, cmdline.Env{Home: "/home/u", Cwd: ws, Workspace: ws})
			q := policy.Request{Agent: "workbench", Tool: "exec", Labels: claw.Private, Generation: "g",
				Facts: policy.Facts{Understood: true, Exec: &f, Cwd: ws, Programs: []policy.Program{{Path: "/usr/bin/git", SHA256: strings.Repeat("0", 64)}}}}
			q.Arguments, _ = json.Marshal(map[string]string{"command": line})
			datas[line], _ = json.Marshal(policy.Record(q, policy.Decide(rules, q)))
		}
		e := chain.Entry{Seq: uint64(i), Time: time.Unix(1_700_000_000+int64(i), 0), Event: "decision", Agent: "workbench", Session: "agent:workbench:main", Run: claw.RunID(fmt.Sprint("run-", i)),
			Principal: claw.Principal{Surface: claw.SurfaceCLI, Standing: claw.Owner}, Digest: strings.Repeat("ab", 32), Salt: strings.Repeat("cd", 16), Data: datas[line], Prev: prev}
		if buf, prev, err = chain.Encode(buf[:0], &e); err != nil {
			tb.Fatal(err)
		}
		if _, err := out.Write(append(buf, '\n')); err != nil {
			tb.Fatal(err)
		}
	}
	if err := out.Close(); err != nil {
		tb.Fatal(err)
	}
	return file
}

// Pieces that are read, decoded and judged at the same time give what one
// after the other gives, and a line that is no entry is named.
func TestReplayInPieces(t *testing.T) {
	const n = 2*replayPiece + 77
	file := pastFile(t, n)
	e := &env{ctx: t.Context()}
	s := answer.NewSimulator(pastWorld(t), answer.ParseRecorded)
	if err := e.replay(s, []string{file}, filterFlags{}); err != nil {
		t.Fatal(err)
	}
	r := s.Result()
	if r.Requests != n || r.PromptsSaved == 0 || r.Unchanged+r.PromptsSaved+r.PromptsAdded != n {
		t.Errorf("%+v", r)
	}
	for i := 1; i < len(r.Changes); i++ {
		if r.Changes[i].Seq <= r.Changes[i-1].Seq {
			t.Fatalf("change %d comes after %d", r.Changes[i].Seq, r.Changes[i-1].Seq)
		}
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(data), "\n")
	lines[5000] = strings.Replace(lines[5000], "workbench", "workbunch", 1)
	if err := os.WriteFile(file, []byte(strings.Join(lines, "")), 0o600); err != nil {
		t.Fatal(err)
	}
	err = e.replay(answer.NewSimulator(pastWorld(t), answer.ParseRecorded), []string{file}, filterFlags{})
	if err == nil || !strings.Contains(err.Error(), "line 5001") {
		t.Errorf("a changed line gives %v", err)
	}
}

// BenchmarkReplay is policy simulate from a file of entries to the answer.
func BenchmarkReplay(b *testing.B) {
	const n = 20_000
	file, w := pastFile(b, n), pastWorld(b)
	for name, parse := range map[string]answer.Parse{"recorded": answer.ParseRecorded, "anew": answer.ParseAnew} {
		b.Run(name, func(b *testing.B) {
			e := &env{ctx: b.Context()}
			for b.Loop() {
				if err := e.replay(answer.NewSimulator(w, parse), []string{file}, filterFlags{}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds(), "decisions/s")
		})
	}
}
