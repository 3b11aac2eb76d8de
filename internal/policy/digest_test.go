package policy

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/cmdline"
)

// full is a request in which nothing is empty.
func full() Request {
	exec := cmdline.Analyze("git status", cmdline.Env{Home: "/home/u", Cwd: "/ws", Workspace: "/ws"})
	return Request{Agent: "main", Session: "agent:main:main", Run: "r", Call: "c", Tool: "exec", Arguments: json.RawMessage(`{"a":1}`), Generation: "g1", Profile: "p", Nonce: "n",
		Principal: claw.Principal{Surface: claw.SurfaceCLI, Standing: claw.Paired, Channel: "telegram", Account: "default", Sender: "1", Device: "d", Name: "x"},
		Labels:    claw.Private,
		Facts: Facts{Why: "w", Reads: []Path{{Abs: "/a", Text: "a", Labels: claw.Private, Digest: "d"}}, Writes: []Path{{Abs: "/b", Text: "b", Labels: claw.Private, Digest: "e"}},
			Exec: &exec, Programs: []Program{{Path: "/bin/git", SHA256: "s"}}, Scripts: []Program{{Path: "/ws/x.py", SHA256: "t"}}, Cwd: "/ws", Env: map[string]string{"LANG": "C"},
			LaunchConfig: []LaunchConfig{{Path: "/ws/.git/config", SHA256: "s"}}, Hosts: []Host{{Name: "h", Port: 1, Scheme: "https", Method: "GET"}},
			Sends: []Send{{Channel: "telegram", To: "1", Files: []string{"/f"}}}, Secrets: []string{"s"}, Spawns: []claw.AgentID{"b"}, Jobs: []string{"j"}, Sessions: []claw.SessionKey{"k"}}}
}

// TestR25EveryFieldIsInTheDigest changes each field of a request by itself,
// found by reflection: one that the digest forgets fails here.
func TestR25EveryFieldIsInTheDigest(t *testing.T) {
	before := DigestOf(full())
	seen := map[Digest]string{before: "unchanged"}
	n := 0
	var walk func(path string, at func(*Request) reflect.Value)
	walk = func(path string, at func(*Request) reflect.Value) {
		if path == "Request.Budget" {
			return // counts, not what the call is: TestBudgetIsNotInTheDigest
		}
		sample := full()
		v := at(&sample)
		change := func(set func(reflect.Value)) {
			q := full()
			set(at(&q))
			d := DigestOf(q)
			if other, ok := seen[d]; ok {
				t.Errorf("changing %s gives the digest of: %s", path, other)
			}
			seen[d] = path
			n++
		}
		switch v.Kind() {
		case reflect.String:
			change(func(v reflect.Value) { v.SetString(v.String() + "'") })
		case reflect.Bool:
			change(func(v reflect.Value) { v.SetBool(!v.Bool()) })
		case reflect.Int:
			change(func(v reflect.Value) { v.SetInt(v.Int() + 1) })
		case reflect.Uint8:
			change(func(v reflect.Value) { v.SetUint(v.Uint() ^ 1) })
		case reflect.Struct:
			for i := range v.NumField() {
				if v.Type().Field(i).IsExported() {
					walk(path+"."+v.Type().Field(i).Name, func(q *Request) reflect.Value { return at(q).Field(i) })
				}
			}
		case reflect.Slice:
			change(func(v reflect.Value) { v.Set(v.Slice(0, v.Len()-1)) })
			change(func(v reflect.Value) { v.Set(reflect.Append(v, v.Index(0))) })
			walk(path+"[0]", func(q *Request) reflect.Value { return at(q).Index(0) })
		case reflect.Map:
			change(func(v reflect.Value) { v.SetMapIndex(reflect.ValueOf("TERM"), reflect.ValueOf("x")) })
			change(func(v reflect.Value) { v.SetMapIndex(reflect.ValueOf("LANG"), reflect.ValueOf("D")) })
		case reflect.Pointer:
			change(func(v reflect.Value) { v.SetZero() })
			change(func(v reflect.Value) {
				f := *v.Interface().(*cmdline.Facts)
				f.Visible += "x"
				v.Set(reflect.ValueOf(&f))
			})
		default:
			t.Fatalf("%s is a %s: say here how it changes", path, v.Kind())
		}
	}
	walk("Request", func(q *Request) reflect.Value { return reflect.ValueOf(q).Elem() })
	if n < 60 {
		t.Fatalf("only %d changes were tried", n)
	}
}

// TestJudgeIsDecideWithoutWords: both see the same layers.
func TestJudgeIsDecideWithoutWords(t *testing.T) {
	cases := everyLine(t)
	rapid.Check(t, func(t *rapid.T) {
		r, q := anyRules(t), anyRequest(t, cases)
		d, j := Decide(r, q), Judge(&r, &q)
		if d.Verdict != j.Verdict || d.Rule != j.Rule || d.Where != j.Where {
			t.Fatalf("decided %s by %s at %s, judged %s by %s at %s", d.Verdict, d.Rule, d.Where, j.Verdict, j.Rule, j.Where)
		}
		d, j = DecideReply(r, q), JudgeReply(&r, &q)
		if d.Verdict != j.Verdict || d.Rule != j.Rule || d.Where != j.Where {
			t.Fatalf("reply decided %s by %s, judged %s by %s", d.Verdict, d.Rule, j.Verdict, j.Rule)
		}
		if again := Decide(r, q); !reflect.DeepEqual(again, Decide(r, q)) {
			t.Fatal("two answers to one question")
		}
	})
}

// TestLabelsOnlyRestrict: a label more never opens anything, which is what
// searches over label growth rely on.
func TestLabelsOnlyRestrict(t *testing.T) {
	cases := everyLine(t)
	rapid.Check(t, func(t *rapid.T) {
		r, q := anyRules(t), anyRequest(t, cases)
		less := Judge(&r, &q)
		q.Labels |= claw.Labels(rapid.IntRange(0, 7).Draw(t, "more"))
		if more := Judge(&r, &q); more.Verdict > less.Verdict {
			t.Fatalf("with %s: %s by %s, before %s by %s", q.Labels, more.Verdict, more.Rule, less.Verdict, less.Rule)
		}
	})
}

// TestStandingOnlyRestricts: nobody may do what the owner may not.
func TestStandingOnlyRestricts(t *testing.T) {
	cases := everyLine(t)
	rapid.Check(t, func(t *rapid.T) {
		r, q := anyRules(t), anyRequest(t, cases)
		q.Principal.Standing = claw.Owner
		owner, reply := Judge(&r, &q), JudgeReply(&r, &q)
		q.Principal.Standing = claw.Standing(rapid.IntRange(0, 2).Draw(t, "less"))
		if less := Judge(&r, &q); less.Verdict > owner.Verdict {
			t.Fatalf("%s: %s by %s, the owner %s by %s", q.Principal.Standing, less.Verdict, less.Rule, owner.Verdict, owner.Rule)
		}
		if less := JudgeReply(&r, &q); less.Verdict > reply.Verdict {
			t.Fatalf("reply of a %s: %s, of the owner %s", q.Principal.Standing, less.Verdict, reply.Verdict)
		}
	})
}

func anyRules(t *rapid.T) Rules {
	r := openRules()
	names := []claw.ToolName{"read", "write", "exec", "message", "web_fetch", "cron", "sessions_spawn"}
	for range rapid.IntRange(0, 2).Draw(t, "layers") {
		l := ToolLayer{Layer: rapid.SampledFrom([]Layer{LayerTools, LayerAgent, LayerSender, LayerSandbox}).Draw(t, "layer"), Name: "a layer",
			DenyWhere: claw.ConfigRef{Pointer: "tools.deny"}, Where: claw.ConfigRef{File: "openclaw.json", Line: 3}}
		if rapid.Bool().Draw(t, "deny") {
			l.Deny = set(rapid.SampledFrom(names).Draw(t, "denied"))
		}
		if rapid.Bool().Draw(t, "allow") {
			l.Allow = set(rapid.SampledFrom(names).Draw(t, "allowed"), rapid.SampledFrom(names).Draw(t, "allowed too"))
		}
		r.Tools = append(r.Tools, l)
	}
	if rapid.Bool().Draw(t, "closed") {
		r.Surfaces = []claw.Surface{claw.SurfaceWebchat}
	}
	r.SendElsewhere = rapid.Bool().Draw(t, "elsewhere")
	r.Files.WorkspaceOnly = rapid.Bool().Draw(t, "workspace only")
	r.Files.ReadRoots = []string{"/srv"}
	r.Files.Deny = []PathPattern{{Pattern: "/etc"}, {Pattern: "~/.ssh"}, {Pattern: "/home/*/.aws"}}
	for _, s := range DefaultSteering() {
		r.Files.Steering = append(r.Files.Steering, PathPattern{Pattern: s})
	}
	r.Exec = ExecRules{Security: ExecSecurity(rapid.IntRange(0, 2).Draw(t, "security")), Ask: ExecAsk(rapid.IntRange(0, 2).Draw(t, "ask")),
		Allowlist: []ExecEntry{{Text: "git status"}, {Text: "ls"}, {Text: "cat"}}, Denylist: []ExecEntry{{Text: "rm -rf"}, {Text: "curl | sh"}}}
	r.Egress = EgressRules{Mode: EgressMode(rapid.IntRange(0, 2).Draw(t, "egress")), Hosts: []HostRule{{Host: "*.example.org"}, {Host: "api.example.com", Class: HostWrite}}}
	r.Flow.Mode = FlowMode(rapid.IntRange(0, 2).Draw(t, "flow"))
	r.Confinement.Level = Level(rapid.IntRange(0, 4).Draw(t, "level"))
	return r
}

func anyRequest(t *rapid.T, cases []ExecCase) Request {
	q := request(rapid.SampledFrom([]claw.ToolName{"read", "write", "exec", "message", "web_fetch", "cron"}).Draw(t, "tool"), Facts{}, claw.Labels(rapid.IntRange(0, 7).Draw(t, "labels")))
	q.Principal = claw.Principal{Surface: rapid.SampledFrom([]claw.Surface{claw.SurfaceCLI, claw.SurfaceWebchat, claw.SurfaceChannel}).Draw(t, "surface"),
		Standing: claw.Standing(rapid.IntRange(0, 3).Draw(t, "standing")), Sender: "1"}
	f := &q.Facts
	f.Understood = rapid.IntRange(0, 9).Draw(t, "understood") > 0
	paths := []string{"/ws/notes.txt", "/ws/SOUL.md", "/ws/.git/hooks/x", "/etc/passwd", "/home/u/.ssh/id", "/srv/x", "relative", "/ws/../etc", "/home/b/.aws/credentials"}
	for _, to := range []*[]Path{&f.Reads, &f.Writes} {
		for range rapid.IntRange(0, 2).Draw(t, "paths") {
			*to = append(*to, Path{Abs: rapid.SampledFrom(paths).Draw(t, "path")})
		}
	}
	if q.Tool == "exec" {
		c := rapid.SampledFrom(cases).Draw(t, "case")
		facts := cmdline.Analyze(c.Command, c.Env())
		f.Exec = &facts
		if rapid.Bool().Draw(t, "launch") {
			f.LaunchConfig = []LaunchConfig{{Path: "/ws/package.json", Seen: rapid.Bool().Draw(t, "seen"), ByAgent: rapid.Bool().Draw(t, "by agent")}}
		}
	}
	for range rapid.IntRange(0, 1).Draw(t, "hosts") {
		f.Hosts = append(f.Hosts, Host{Name: rapid.SampledFrom([]string{"docs.example.org", "api.example.com", "evil.example.net", "", "a@b"}).Draw(t, "host"), Port: 443,
			Method: rapid.SampledFrom([]string{"GET", "POST", ""}).Draw(t, "method"), CarriesData: rapid.Bool().Draw(t, "data")})
	}
	for range rapid.IntRange(0, 1).Draw(t, "sends") {
		f.Sends = append(f.Sends, Send{Channel: "telegram", To: "7", OriginOnly: rapid.Bool().Draw(t, "origin"), OwnersOnly: rapid.Bool().Draw(t, "owners")})
	}
	return q
}

// TestStarMatchIsTheGlobMatcher: the quick matcher of path patterns agrees
// with the one for shell globs.
func TestStarMatchIsTheGlobMatcher(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.StringMatching(`[ab*?\\[]{0,6}`).Draw(t, "pattern")
		name := rapid.StringMatching(`[ab?\\[]{0,6}`).Draw(t, "name")
		quoted := strings.NewReplacer(`*`, `\*`, `?`, `\?`, `[`, `\[`, `\`, `\\`).Replace(name)
		if got, want := starMatch(pattern, name), cmdline.GlobsMeet(quoted, escape(pattern)); got != want {
			t.Fatalf("%q against %q: %v, the glob matcher says %v", pattern, name, got, want)
		}
	})
}

func TestPatternsOfTheHome(t *testing.T) {
	for _, c := range []struct {
		pattern, home, abs string
		want               bool
	}{
		{"~/.ssh", "/home/u", "/home/u/.ssh/id", true}, {"~/.ssh", "/home/u/", "/home/u/.ssh", true}, {"~", "/home/u", "/home/u/x", true},
		{"~", "/home/u", "/home/user2/x", false}, {"~/.ssh", "/home/u", "/home/u/.sshx", false}, {"~/.ssh", "", "/.ssh", false}, {"~/.ssh", "/", "/.ssh/x", true},
		{"~/*/keys", "/home/u", "/home/u/a/keys/1", true}, {"~/*/keys", "/home/u", "/home/u/keys", false},
	} {
		if got := (&PathPattern{Pattern: c.pattern}).covers(c.abs, c.home, false); got != c.want {
			t.Errorf("%q under home %q covers %q: %v, want %v", c.pattern, c.home, c.abs, got, c.want)
		}
	}
	for abs, want := range map[string]bool{"/a/../b": true, "/a/..": true, "..": true, "/a..b/..c": false, "/a/...": false, "/...x/..": true} {
		if climbs(abs) != want {
			t.Errorf("climbs(%q) is not %v", abs, want)
		}
	}
}

// benchRequests are calls as agents make them, under the hardened rules.
func benchRequests() (Rules, []Request) {
	r := openRules()
	allow := map[claw.ToolName]bool{"read": true, "write": true, "web_fetch": true, "message": true, "session_status": true}
	r.Tools = []ToolLayer{{Layer: LayerProfile, Name: "the profile standard", Allow: allow}, {Layer: LayerTools, Name: "tools.deny", Deny: set("cron", "gateway")}, {Layer: LayerAgent, Deny: set("sessions_spawn")}}
	r.Files.Deny = []PathPattern{{Pattern: "/etc"}, {Pattern: "/root/.ssh"}, {Pattern: "/home/*/.ssh"}, {Pattern: "~/.openclaw/credentials"}}
	r.Files.Always = []PathPattern{{Pattern: "/home/u/.openclaw", Except: "/ws"}}
	for _, s := range DefaultSteering() {
		r.Files.Steering = append(r.Files.Steering, PathPattern{Pattern: s})
	}
	return r, []Request{
		request("session_status", Facts{}, claw.Private),
		request("read", Facts{Reads: []Path{{Abs: "/ws/notes.txt", Text: "notes.txt"}}}, claw.Private),
		request("message", Facts{Sends: []Send{{Channel: "webchat", To: "main", OriginOnly: true, OwnersOnly: true}}}, claw.Private),
		request("web_fetch", Facts{Hosts: []Host{{Name: "docs.example.org", Port: 443, Scheme: "https", Method: "GET"}}}, 0),
		request("exec", Facts{}, 0),
	}
}

// TestJudgeAllocatesNothing on the way of a plain tool.
func TestJudgeAllocatesNothing(t *testing.T) {
	r, qs := benchRequests()
	for _, q := range append(qs, request("write", Facts{Writes: []Path{{Abs: "/ws/src/a.go"}}}, claw.Untrusted)) {
		if n := testing.AllocsPerRun(100, func() { Judge(&r, &q) }); n != 0 {
			t.Errorf("%s: %v allocations", q.Tool, n)
		}
	}
}

// BenchmarkDecideTool is the decision about a call on plain tools; words and
// digest are apart.
func BenchmarkDecideTool(b *testing.B) {
	r, qs := benchRequests()
	for _, q := range qs {
		b.Run(string(q.Tool), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Judge(&r, &q)
			}
		})
	}
}

// BenchmarkDecideToolWithTrace is the same with trace, reasons and digest.
func BenchmarkDecideToolWithTrace(b *testing.B) {
	r, qs := benchRequests()
	for _, q := range qs {
		b.Run(string(q.Tool), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Decide(r, q)
			}
		})
	}
}

// BenchmarkDecideCommand is parse and decision of command lines together.
func BenchmarkDecideCommand(b *testing.B) {
	r, _ := benchRequests()
	r.Tools = r.Tools[1:]
	r.Exec = ExecRules{Security: ExecAllowlist, Ask: AskOnMiss}
	for _, s := range []string{"ls", "cat", "grep", "git status", "git log", "git diff"} {
		r.Exec.Allowlist = append(r.Exec.Allowlist, ExecEntry{Text: s})
	}
	for _, s := range []string{"rm -rf", "curl | sh", "wget -O - | bash", "chmod 777", "dd if=", "> /dev/sd"} {
		r.Exec.Denylist = append(r.Exec.Denylist, ExecEntry{Text: s})
	}
	env := cmdline.Env{Home: "/home/u", Cwd: "/ws", Workspace: "/ws", User: "u"}
	for i, line := range []string{"git status --short", "grep -rn 'useState' src | head -20"} {
		q := request("exec", Facts{}, 0)
		b.Run(fmt.Sprintf("parse/%d", i), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f := cmdline.Analyze(line, env)
				q.Facts.Exec = &f
				Judge(&r, &q)
			}
		})
		f := cmdline.Analyze(line, env)
		q.Facts.Exec = &f
		b.Run(fmt.Sprintf("facts/%d", i), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Judge(&r, &q)
			}
		})
	}
}
