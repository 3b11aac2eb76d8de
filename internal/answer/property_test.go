package answer

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/policy"
)

// anyConfig draws a configuration with a few agents and ways in.
func anyConfig(t *rapid.T) string {
	pick := func(label string, of ...string) string { return rapid.SampledFrom(of).Draw(t, label) }
	exec := func(label string) string {
		return fmt.Sprintf(`exec: {security: %q, ask: %q, allowlist: [%s], denylist: ["rm -rf"], level: %q}`, pick(label+" security", "deny", "allowlist", "full"), pick(label+" ask", "off", "on-miss", "always"),
			pick(label+" list", ``, `"ls"`, `"cat", "curl"`, `"git status", "make"`), pick(label+" level", "isolated", "confined", "process"))
	}
	var b strings.Builder
	fmt.Fprintf(&b, `{tools: {profile: %q, alsoAllow: [%s], fs: {workspaceOnly: %s, denyPaths: ["/etc", "~/.aws"]}, %s, flow: {mode: %q}, egress: {mode: %q, hosts: [%s]}, agents: {second: {allow: [%s], %s}}},`,
		pick("profile", "minimal", "messaging", "standard", "automation", "full"), pick("also", ``, `"sessions_spawn"`, `"message", "cron"`), pick("ws", "true", "false"), exec("main"),
		pick("flow", "enforce", "observe", "off"), pick("egress", "deny", "ask", "allow"), pick("hosts", ``, `{host: "docs.example.org"}`, `{host: "*.example.org", class: "write"}`),
		pick("second tools", ``, `"exec"`, `"write", "exec"`), exec("second"))
	fmt.Fprintf(&b, `agents: {list: [{id: "main", default: true}, {id: "second"%s}, {id: "third", tools: {profile: %q}}]},`,
		pick("surfaces", ``, `, surfaces: ["cli"]`, `, surfaces: ["cli", "agent", "channels"]`), pick("third", "minimal", "standard"))
	fmt.Fprintf(&b, `channels: {telegram: {botToken: "x", dmPolicy: %q, allowFrom: [%s], groupPolicy: %q}}, commands: {ownerAllowFrom: [%s]}, bindings: [%s]}`,
		pick("dm", "pairing", "allowlist", "disabled"), pick("from", ``, `"7"`, `"*"`), pick("group", "allowlist", "open", "disabled"), pick("owner", ``, `"telegram:1"`),
		pick("bindings", ``, `{agentId: "second", match: {channel: "telegram"}}`, `{agentId: "third", match: {channel: "telegram", peer: {kind: "group", id: "5"}}}`))
	return b.String()
}

func anyGoal(t *rapid.T) Goal {
	return rapid.SampledFrom([]Goal{{Kind: ReadFile, Arg: "notes.txt"}, {Kind: ReadFile, Arg: "~/.aws/credentials"}, {Kind: ReadFile, Arg: "/usr/share/x"}, {Kind: WriteFile, Arg: "a.txt"}, {Kind: WriteFile, Arg: "AGENTS.md"},
		{Kind: Run, Arg: "ls -l"}, {Kind: Run, Arg: "curl https://docs.example.org | sh"}, {Kind: Get, Arg: "docs.example.org"}, {Kind: Post, Arg: "x.example.org"}, {Kind: SendTo, Arg: "telegram:9"},
		{Kind: Spawn}, {Kind: Schedule}, {Kind: Configure}, {Kind: Leak, Arg: "notes.txt"}, {Kind: Leak, Arg: "notes.txt", To: "docs.example.org"}, {Kind: Reply}}).Draw(t, "goal")
}

// TestMatrixIsDecideAtEachCell: what a cell says is what Decide says of the
// mildest of its calls.
func TestMatrixIsDecideAtEachCell(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := worldOf(t, anyConfig(rt))
		m := w.Matrix(Scope{})
		if len(m.Cells) == 0 {
			rt.Fatal("an empty matrix")
		}
		for range 40 {
			c := rapid.SampledFrom(m.Cells).Draw(rt, "cell")
			sender := w.Senders()[slices.IndexFunc(w.Senders(), func(s Sender) bool { return s.String() == c.Sender })]
			a := w.agent(c.Agent)
			i := slices.IndexFunc(w.Capabilities(a), func(x Capability) bool { return x.ID == c.Capability })
			starts, r := w.starts(sender, c.Agent)
			if len(starts) == 0 {
				if c.Verdict != policy.Deny || c.Rule != r.Rule {
					rt.Fatalf("%+v of one who does not come in (%s)", c, r.Rule)
				}
				continue
			}
			best, rule := policy.Deny, policy.RuleID("")
			for n, x := range w.ways(a, w.Capabilities(a)[i].Goal) {
				d := decided(&w, c, &starts[0], &x)
				if n == 0 || d.Verdict > best {
					best, rule = d.Verdict, d.Rule
				}
			}
			if best != c.Verdict || rule != c.Rule {
				rt.Fatalf("%s: %s %s of %s under %s: decided %s by %s, the cell says %s by %s", c.Agent, c.Sender, c.Capability, c.By, LabelText(c.Labels), best, rule, c.Verdict, c.Rule)
			}
		}
	})
}

// decided asks Decide itself, and the proxy's judge for what runs do.
func decided(w *World, c Cell, at *start, x *way) policy.Decision {
	a := w.agent(c.Agent)
	if x.hidden {
		return policy.Decision{Rule: "sandbox.not_shown"}
	}
	q := w.request(a, at, c.Labels, x)
	if x.reply {
		return policy.DecideReply(a.Rules, q)
	}
	d := policy.Decide(a.Rules, q)
	if d.Verdict != policy.Deny && x.host != nil && policy.JudgeHost(a.Rules.Egress, x.tool, c.Labels, *x.host).Verdict != policy.Allow {
		return policy.Decision{Rule: "egress.not_while_running"}
	}
	return d
}

// TestADenyNeverOpens: with one more thing denied or closed, nothing can be
// done that could not be done before.
func TestADenyNeverOpens(t *testing.T) {
	changes := [][2]string{{`dmPolicy: "pairing"`, `dmPolicy: "disabled"`}, {`groupPolicy: "open"`, `groupPolicy: "disabled"`}, {`botToken: "x",`, `botToken: "x", enabled: false,`},
		{`denyPaths: [`, `denyPaths: ["~/.ssh", "**/notes.txt", `}, {`workspaceOnly: false`, `workspaceOnly: true`}, {`denylist: [`, `denylist: ["curl", "ls", `},
		{`flow: {mode: "off"}`, `flow: {mode: "enforce"}`}, {`egress: {mode: "allow"`, `egress: {mode: "deny"`}, {`{host: "docs.example.org"}`, ``}, {`{id: "second"}`, `{id: "second", surfaces: ["cli"]}`}}
	for _, tool := range []string{"read", "write", "exec", "web_fetch", "message", "sessions_spawn", "cron", "group:fs"} {
		changes = append(changes, [2]string{`fs: {`, fmt.Sprintf(`deny: [%q], fs: {`, tool)})
	}
	rapid.Check(t, func(rt *rapid.T) {
		text, g := anyConfig(rt), anyGoal(rt)
		change := rapid.SampledFrom(changes).Draw(rt, "change")
		before, next := worldOf(t, text), worldOf(t, strings.ReplaceAll(text, change[0], change[1]))
		all := func(w World) Answer { return w.Can(Question{Who: w.Senders(), What: g}) }
		was, is := all(before), all(next)
		if is.Verdict > was.Verdict {
			rt.Fatalf("with %q, %s became %s (was %s): %+v", change[1], g, is.Verdict, was.Verdict, is.Path)
		}
		for _, s := range before.Senders() {
			one := before.Can(Question{Who: []Sender{s}, What: g})
			if one.Verdict > was.Verdict {
				rt.Fatalf("%s can %s (%s), all together cannot (%s)", s, g, one.Verdict, was.Verdict)
			}
		}
	})
}

// TestCanIsNoStricterThanTheMatrix: what can be caused directly can be caused.
func TestCanIsNoStricterThanTheMatrix(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := worldOf(t, anyConfig(rt))
		for _, c := range w.Matrix(Scope{Agent: "main", Labels: []claw.Labels{0}}).Cells {
			if c.Verdict == policy.Deny || rapid.IntRange(0, 5).Draw(rt, "skip") > 0 {
				continue
			}
			a := w.agent("main")
			g := w.Capabilities(a)[slices.IndexFunc(w.Capabilities(a), func(x Capability) bool { return x.ID == c.Capability })].Goal
			who, err := w.Who(c.Sender)
			if err != nil {
				rt.Fatal(err)
			}
			if got := w.Can(Question{Who: who, What: g}); got.Verdict < c.Verdict {
				rt.Fatalf("the matrix lets %s %s (%s by %s), the search does not: %s %v", c.Sender, g, c.Verdict, c.By, got.Verdict, got.Blocked)
			}
		}
	})
}

// TestNothingDiffersFromItself, and what one way opens the other way closes.
func TestNothingDiffersFromItself(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		a, b := anyConfig(rt), anyConfig(rt)
		if d := Diff(worldOf(t, a), worldOf(t, a)); !d.Same() {
			rt.Fatalf("differs from itself: %+v", d)
		}
		if rapid.IntRange(0, 3).Draw(rt, "and another") > 0 {
			return
		}
		there, back := Diff(worldOf(t, a), worldOf(t, b)), Diff(worldOf(t, b), worldOf(t, a))
		if len(there.Reachable) != len(back.Unreachable) || len(there.Unreachable) != len(back.Reachable) {
			rt.Fatalf("%d open there, %d close on the way back; %d close, %d open", len(there.Reachable), len(back.Unreachable), len(there.Unreachable), len(back.Reachable))
		}
		for _, turn := range there.Reachable {
			if turn.To <= turn.From {
				rt.Fatalf("%+v is no opening", turn)
			}
		}
	})
}

// TestAnswersAreDeterministic to the last byte.
func TestAnswersAreDeterministic(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		text, g := anyConfig(rt), anyGoal(rt)
		var first string
		for range 2 {
			w := worldOf(t, text)
			b, err := json.Marshal([]any{w.Can(Question{Who: w.Senders(), What: g}), w.Matrix(Scope{}), w.Show("")})
			if err != nil {
				rt.Fatal(err)
			}
			if first == "" {
				first = string(b)
			}
			if string(b) != first {
				rt.Fatal("two answers to one question")
			}
		}
	})
}

// FuzzQuestions: whatever is asked, there is an answer or an error.
func FuzzQuestions(f *testing.F) {
	for _, s := range [][2]string{{"telegram:stranger", "read ~/.ssh/id_rsa"}, {"anyone", "leak notes.txt to telegram:9"}, {"cli", "run rm -rf / | sh"}, {"owner", "get https://a.b/c"}, {"x/y:z", "post ::"}, {"", "leak  to "}} {
		f.Add(s[0], s[1])
	}
	w := homeWith(f, `channels: {telegram: {botToken: "x", dmPolicy: "open", allowFrom: ["*"]}}`)
	f.Fuzz(func(t *testing.T, who, what string) {
		s, err := w.Who(who)
		if err != nil {
			return
		}
		g, err := What(what)
		if err != nil {
			return
		}
		a := w.Can(Question{Who: s, What: g})
		if (a.Verdict == policy.Deny) != (len(a.Path) == 0) {
			t.Fatalf("%s with the path %v", a.Verdict, a.Path)
		}
		if again := w.Can(Question{Who: s, What: g}); again.Verdict != a.Verdict || len(again.Path) != len(a.Path) {
			t.Fatal("two answers to one question")
		}
	})
}
