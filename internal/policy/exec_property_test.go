package policy

import (
	"fmt"
	"strings"
	"testing"

	"mvdan.cc/sh/v3/syntax"
	"pgregory.net/rapid"

	"github.com/openclaw-go/openclaw/internal/cmdline"
)

// everyLine are the lines of all corpora under their policies.
func everyLine(t testing.TB) []ExecCase {
	t.Helper()
	out := corpus(t)
	rows := policies(t)
	for _, h := range heldouts(t) {
		c := rows[h.policy]
		c.Command = h.command
		out = append(out, c)
	}
	return append(out, owns(t)...)
}

func rewritten(c ExecCase, command string) Decision {
	c.Command = command
	return c.Judge()
}

// requote writes the plain words of a line's commands in other quotes.
func requote(t *rapid.T, line string) (string, bool) {
	file, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(line), "")
	if err != nil || strings.Contains(line, "\\\n") || strings.Contains(line, "\r") { // the printer drops these
		return "", false
	}
	changed := false
	syntax.Walk(file, func(n syntax.Node) bool {
		call, ok := n.(*syntax.CallExpr)
		if !ok {
			return true
		}
		for _, w := range call.Args {
			l, ok := w.Parts[0].(*syntax.Lit)
			if !ok || len(w.Parts) != 1 || strings.Trim(l.Value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:,+%@") != "" {
				continue
			}
			changed = true
			w.Parts = quotes(t, l.Value)
		}
		return true
	})
	var b strings.Builder
	if syntax.NewPrinter().Print(&b, file) != nil {
		return "", false
	}
	return b.String(), changed
}

func quotes(t *rapid.T, s string) []syntax.WordPart {
	switch rapid.IntRange(0, 6).Draw(t, "quotes") {
	case 0:
		return []syntax.WordPart{&syntax.SglQuoted{Value: s}}
	case 1:
		return []syntax.WordPart{&syntax.DblQuoted{Parts: []syntax.WordPart{&syntax.Lit{Value: s}}}}
	case 2:
		var b strings.Builder
		for i := range len(s) {
			fmt.Fprintf(&b, `\x%02x`, s[i])
		}
		return []syntax.WordPart{&syntax.SglQuoted{Dollar: true, Value: b.String()}}
	case 3:
		return []syntax.WordPart{&syntax.Lit{Value: `\` + s}}
	case 4:
		at := rapid.IntRange(0, len(s)).Draw(t, "at")
		return []syntax.WordPart{&syntax.Lit{Value: s[:at]}, &syntax.SglQuoted{}, &syntax.Lit{Value: s[at:]}}
	case 5:
		at := rapid.IntRange(0, len(s)).Draw(t, "at")
		return []syntax.WordPart{&syntax.SglQuoted{Value: s[:at]}, &syntax.DblQuoted{Parts: []syntax.WordPart{&syntax.Lit{Value: s[at:]}}}}
	default:
		return []syntax.WordPart{&syntax.Lit{Value: s}}
	}
}

func TestQuotingChangesNoVerdict(t *testing.T) {
	cases := everyLine(t)
	rapid.Check(t, func(t *rapid.T) {
		c := rapid.SampledFrom(cases).Draw(t, "case")
		before := c.Judge()
		line, ok := requote(t, c.Command)
		if !ok || before.Rule == "exec.not_understood" || before.Rule == "exec.control_character" { // the printer leaves out comments and NUL
			return
		}
		if after := rewritten(c, line); after.Verdict != before.Verdict {
			t.Fatalf("%q is %s (%s: %s), %q is %s (%s: %s)", c.Command, before.Verdict, before.Rule, before.Reason, line, after.Verdict, after.Rule, after.Reason)
		}
	})
}

// wraps are ways to run a line, or the words of one command, in another form.
func wraps() (text, words []func(string) string) {
	format := func(formats ...string) (out []func(string) string) {
		for _, f := range formats {
			out = append(out, func(s string) string { return strings.ReplaceAll(f, "%", s) })
		}
		return out
	}
	quoted := func(formats ...string) (out []func(string) string) {
		for _, f := range formats {
			out = append(out, func(s string) string {
				return strings.ReplaceAll(f, "%", "'"+strings.ReplaceAll(s, "'", `'\''`)+"'")
			})
		}
		return out
	}
	text = append(format("{ %\n}", "(%\n)", "if true; then %\nfi", "true && {\n%\n}", "ls\n%", "%\nls", "for i in 1; do\n%\ndone", "case x in x)\n%\n;; esac", "cat a | {\n%\n}", "cat <(%\n)", "! {\n%\n}", "cat \"$(%\n)\"", "(%\n) &", "f() {\n%\n}; f"),
		quoted("sh -c %", "bash -c %", "eval %", "env sh -c %", "timeout 5 bash -ec %", "bash <<< %", "echo % | sh", "busybox sh -c %", "sudo sh -c %", "git rebase -x %", "bash <(echo %)", "xargs sh -c %")...)
	words = format("env %", "timeout 5 %", "nice %", "nice -n 3 %", "env LANG=C %", "env -i timeout 5 %", "nohup %", "command %", "exec %", "sudo %", "xargs %", "find . -exec % \\;", "time %", "busybox %", "setsid -w %", "stdbuf -oL %", "strace -f %", "git bisect run %", "npm exec -- %", "doas %", "ionice -c3 %")
	return text, words
}

// final reports a refusal that no person can lift, in whatever form.
func final(d Decision) bool {
	for _, s := range d.Trace {
		if s.Verdict == Deny && (s.Rule == "exec.denylist" || s.Rule == "exec.raw_disk" || s.Rule == "exec.redefinition") {
			return true
		}
	}
	return false
}

// What is refused is refused in every form; what the denylist means stays
// denied.
func TestWrappingNeverLoosens(t *testing.T) {
	cases := everyLine(t)
	text, words := wraps()
	few := len(cases) - len(owns(t)) // from here on a few forms of each line
	for n, c := range cases {
		before := c.Judge()
		if before.Rule == "exec.not_understood" { // half a line may become a whole one
			continue
		}
		facts := cmdline.Analyze(c.Command, c.Env())
		forms := text
		if one := oneCommand(c.Command); one && facts.Understood {
			forms = append(append([]func(string) string{}, text...), words...)
		}
		for k, wrap := range forms {
			if n >= few && (n+k)%12 != 0 {
				continue
			}
			line := wrap(c.Command)
			if after := rewritten(c, line); after.Verdict == Allow && before.Verdict != Allow || after.Verdict != Deny && final(before) {
				t.Errorf("%q is %s (%s: %s), %q is %s (%s)", c.Command, before.Verdict, before.Rule, before.Reason, line, after.Verdict, after.Rule)
			}
		}
	}
}

// oneCommand reports a line of one simple command that words can be put in
// front of: a program, no redirection, no assignment, no comment.
func oneCommand(line string) bool {
	file, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(line), "")
	if err != nil || len(file.Stmts) != 1 || strings.ContainsAny(line, "#\n\\") {
		return false
	}
	s := file.Stmts[0]
	call, ok := s.Cmd.(*syntax.CallExpr)
	return ok && len(call.Assigns) == 0 && len(s.Redirs) == 0 && !s.Negated && !s.Background && !s.Semicolon.IsValid() && len(call.Args) > 0
}

// A word that is known only at run time is never let through.
func TestUnknownNeverAllows(t *testing.T) {
	cases := everyLine(t)
	rapid.Check(t, func(t *rapid.T) {
		c := rapid.SampledFrom(cases).Draw(t, "case")
		if !oneCommand(c.Command) || strings.ContainsAny(c.Command, "{[") || c.Judge().Verdict != Allow {
			return
		}
		file, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(c.Command), "")
		if err != nil {
			return
		}
		call := file.Stmts[0].Cmd.(*syntax.CallExpr)
		w := call.Args[rapid.IntRange(0, len(call.Args)-1).Draw(t, "word")]
		from, to := w.Pos().Offset(), w.End().Offset()
		unknown := rapid.SampledFrom([]string{"$X", `"$X"`, "$(id)", `"$(ls)"`, "${X[0]}", "$((1+1))", "$1", `"$@"`, "-$X", "$(cat f)", "${X%y}", "`date`"}).Draw(t, "unknown")
		line := c.Command[:from] + unknown + c.Command[to:]
		if after := rewritten(c, line); after.Verdict == Allow {
			t.Fatalf("%q is allowed (%s: %s)", line, after.Rule, after.Reason)
		}
	})
}

func TestALongerLineIsNoLooser(t *testing.T) {
	cases := everyLine(t)
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.SampledFrom(cases).Draw(t, "first")
		b := rapid.SampledFrom(cases).Draw(t, "second")
		va, vb := a.Judge(), rewritten(a, b.Command)
		both := rewritten(a, a.Command+"\n"+b.Command)
		if both.Verdict > va.Verdict && va.Rule != "exec.not_understood" || both.Verdict > vb.Verdict && vb.Rule != "exec.not_understood" {
			t.Fatalf("%q is %s, %q is %s, both are %s (%s)", a.Command, va.Verdict, b.Command, vb.Verdict, both.Verdict, both.Rule)
		}
	})
}

func TestADenyNeverLoosens(t *testing.T) {
	cases := everyLine(t)
	entries := []string{"rm -rf", "ls", "curl | sh", "git", "git status", "cat | grep", "chmod 777", "> /dev/sd", "> /tmp", "dd if=", "npm -x", "", "|", "> ", "a | b | c", "--force"}
	rapid.Check(t, func(t *rapid.T) {
		c := rapid.SampledFrom(cases).Draw(t, "case")
		before := c.Judge()
		c.Policy.Denylist = append(append([]string{}, c.Policy.Denylist...), rapid.SampledFrom(entries).Draw(t, "entry"))
		c.Policy.FS.DenyPaths = append(append([]string{}, c.Policy.FS.DenyPaths...), rapid.SampledFrom([]string{"~", "/", "*", "**/x", "", "~/workspace/src", "/home/*"}).Draw(t, "path"))
		if after := c.Judge(); after.Verdict > before.Verdict {
			t.Fatalf("%q was %s, with one more denial it is %s (%s)", c.Command, before.Verdict, after.Verdict, after.Rule)
		}
	})
}

// FuzzJudge: whatever the text, what is not understood is not allowed, and a
// decision says why.
func FuzzJudge(f *testing.F) {
	rows := policies(f)
	for _, c := range corpus(f) {
		f.Add(c.Command)
	}
	f.Fuzz(func(t *testing.T, line string) {
		for _, name := range []string{"guide", "coder", "broad"} {
			c := rows[name]
			c.Command = line
			facts := cmdline.Analyze(line, c.Env())
			d := c.Judge()
			if d.Verdict == Allow && !facts.Understood {
				t.Fatalf("%q is allowed and not understood", line)
			}
			if d.Rule == "" || d.Reason == "" {
				t.Fatalf("%q: %+v", line, d)
			}
			c.Policy.Security = "deny"
			if d := c.Judge(); d.Verdict != Deny {
				t.Fatalf("%q is %s although nothing may run", line, d.Verdict)
			}
		}
	})
}
