package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/cmdline"
	"github.com/openclaw-go/openclaw/internal/standing"
)

// JudgeCommand judges one command line by itself: what Decide does with it,
// without a tool, a session or labels. The strictest step wins.
func JudgeCommand(r ExecRules, files FileRules, facts *cmdline.Facts, level Level) Decision {
	j := execJudge{r: &r, files: &files, f: facts}
	j.judge(level)
	return conclude(j.steps, Confinement{}, Digest{})
}

// judge judges a command line. Every part of it gets its own steps; what is
// refused by the denylist can never be approved.
func (j *execJudge) judge(level Level) {
	if j.r.Security == ExecDeny {
		j.steps = append(j.steps, Step{Layer: LayerExec, Rule: "exec.security_deny", Where: j.r.SecurityRef, Reason: "this agent may not run commands",
			Hint: `set tools.exec.security to "allowlist" for this agent if it should`})
		return
	}
	if j.f == nil || j.r.Security != ExecAllowlist && j.r.Security != ExecFull {
		j.steps = append(j.steps, Step{Layer: LayerExec, Rule: "exec.not_understood", Reason: "nothing is known about this command"})
		return
	}
	j.full = j.r.Security == ExecFull
	j.steps = slices.Grow(j.steps, len(j.f.Commands)+1)
	j.understood(level)
	j.assignments()
	j.redirects()
	for i := range j.f.Commands {
		j.command(i)
	}
	j.asked()
}

// execJudge judges one command line. The rules are never changed.
type execJudge struct {
	r     *ExecRules
	files *FileRules
	f     *cmdline.Facts
	run   standing.Run
	full  bool
	quiet bool // what passes is not put into words
	steps []Step
}

func (j *execJudge) add(v Verdict, rule RuleID, where claw.ConfigRef, reason, hint string) {
	j.steps = append(j.steps, Step{Layer: LayerExec, Verdict: v, Rule: rule, Where: where, Reason: reason, Hint: hint})
}

// asked applies tools.exec.ask to what was found.
func (j *execJudge) asked() {
	if len(j.steps) == 0 {
		j.add(Allow, "exec.nothing_runs", j.r.SecurityRef, "nothing of this line needs permission", "")
	}
	switch j.r.Ask {
	case AskOff:
		for i, s := range j.steps {
			if s.Verdict == Ask {
				j.steps[i].Verdict = Deny
				j.steps[i].Hint = s.Hint + ` (tools.exec.ask is "off": nobody is asked)`
			}
		}
	case AskAlways:
		j.add(Ask, "exec.ask_always", j.r.AskRef, "every command of this agent is shown to a person first", `tools.exec.ask is "always"`)
	case AskOnMiss:
	default:
		j.add(Deny, "exec.ask_unknown", j.r.AskRef, "it is not known whether to ask", "")
	}
}

// understood refuses what the parser did not fully understand. Under
// security "full" a cage may vouch for it instead (DESIGN §4).
func (j *execJudge) understood(level Level) {
	if j.f.Understood && len(j.f.Problems) == 0 {
		return
	}
	v := Deny
	if j.full {
		v = Ask
		if caged := LevelIsolated.Guarantees(); level.Guarantees()&caged == caged && level <= LevelContainer {
			v = Allow
		}
	}
	if len(j.f.Problems) == 0 {
		j.add(v, "exec.not_understood", claw.ConfigRef{}, "the command line was not understood", "")
	}
	for _, p := range j.f.Problems {
		rule, hint := RuleID("exec.not_understood"), "write the command in a plainer way"
		if p.Kind == cmdline.ProblemCharacter {
			rule, hint = "exec.control_character", "the line may show another command than the one that would run"
		}
		j.add(v, rule, claw.ConfigRef{}, "the command line holds "+p.Text, hint)
	}
}

func (j *execJudge) assignments() {
	if j.full {
		return
	}
	for _, a := range j.f.Assigns {
		switch assignClass(a.Name) {
		case Deny:
			j.add(Deny, "exec.assignment", claw.ConfigRef{}, fmt.Sprintf("variable %q selects code, configuration or search paths", a.Name),
				"run the command without it; set it in the agent's environment if it is needed")
		case Ask:
			if !a.Loop {
				j.add(Ask, "exec.assignment", claw.ConfigRef{}, fmt.Sprintf("variable %q is set", a.Name), "only variables of presentation may be set without asking")
			}
		case Allow:
		}
	}
	for _, name := range j.f.Functions {
		if slices.ContainsFunc(j.r.Allowlist, func(e ExecEntry) bool { return firstWord(e.Text) == name }) {
			j.add(Deny, "exec.redefinition", claw.ConfigRef{}, fmt.Sprintf("a function takes the name of the listed program %q", name), "")
		}
	}
}

func firstWord(s string) string {
	if f := strings.Fields(s); len(f) > 0 {
		return f[0]
	}
	return ""
}

// assignClass tells what a variable can do to the programs after it.
func assignClass(name string) Verdict {
	upper := strings.ToUpper(name)
	for _, p := range []string{"LD_", "DYLD_", "XDG_", "SHELL", "LESS", "MAN", "PYTHON", "PERL", "RUBY", "BASH_", "NPM_CONFIG_"} {
		if strings.HasPrefix(name, p) || p == "NPM_CONFIG_" && strings.HasPrefix(upper, p) {
			return Deny
		}
	}
	if strings.HasPrefix(name, "GIT_") && !strings.HasPrefix(name, "GIT_AUTHOR_") && !strings.HasPrefix(name, "GIT_COMMITTER_") || strings.HasSuffix(upper, "_PROXY") {
		return Deny
	}
	switch name {
	case "PATH", "HOME", "IFS", "ENV", "CDPATH", "PAGER", "EDITOR", "VISUAL", "BROWSER", "NODE_OPTIONS", "NODE_PATH", "NODE_EXTRA_CA_CERTS", "GREP_OPTIONS", "GCONV_PATH",
		"PROMPT_COMMAND", "PS4", "GLOBIGNORE", "BASHOPTS", "POSIXLY_CORRECT", "MAKEFLAGS", "MAKEFILES", "TAR_OPTIONS", "JAVA_TOOL_OPTIONS", "RUSTC_WRAPPER", "CARGO_HOME", "GOFLAGS", "GOPATH", "CURL_HOME", "WGETRC", "SSH_ASKPASS", "OPENSSL_CONF", "LOCPATH", "NLSPATH", "TERMINFO", "TERMCAP":
		return Deny
	case "LANG", "TERM", "COLORTERM", "NO_COLOR", "FORCE_COLOR":
		return Allow
	}
	if strings.HasPrefix(name, "LC_") {
		return Allow
	}
	return Ask
}

func (j *execJudge) redirects() {
	for _, r := range j.f.Redirects {
		if r.RawDisk {
			j.add(Deny, "exec.raw_disk", claw.ConfigRef{}, fmt.Sprintf("output would go to the raw disk %q", r.Text), "a raw disk is never written by an agent")
		}
		for _, e := range j.r.Denylist {
			if prefix, ok := redirectEntry(e.Text); ok && r.Access == cmdline.Write && slices.ContainsFunc(r.Paths, func(p string) bool { return strings.HasPrefix(p, prefix) }) {
				j.denied(e, "the redirection to "+r.Text)
			}
		}
		if strings.HasPrefix(r.Text, "/dev/tcp/") || strings.HasPrefix(r.Text, "/dev/udp/") {
			j.add(Deny, "exec.network_redirect", claw.ConfigRef{}, "the shell would open a network connection by itself", "")
		}
		j.file(r.FileUse)
		if r.Access == cmdline.Write {
			for _, p := range r.Paths {
				if inside(p, j.files.Workspace) && gitDirectory(p, r.Glob) {
					j.steps = append(j.steps, Step{Layer: LayerFiles, Rule: "fs.steering_file", Reason: fmt.Sprintf("%q lies in a git directory", r.Text), Hint: "let git write there"})
				}
			}
		}
		if r.Unknown && !j.full {
			j.add(Ask, "exec.run_time_word", claw.ConfigRef{}, "the target of a redirection is known only at run time", "look at where the output goes")
		}
	}
}

// gitDirectory reports a path that may lie below a directory named .git.
func gitDirectory(p string, glob bool) bool {
	for e := range strings.SplitSeq(p, "/") {
		if e == ".git" || glob && cmdline.GlobsMeet(e, ".git") {
			return true
		}
	}
	return false
}

// redirectEntry reads a denylist entry such as "> /dev/sd".
func redirectEntry(text string) (prefix string, ok bool) {
	s := strings.TrimSpace(text)
	if !strings.HasPrefix(s, ">") {
		return "", false
	}
	s = strings.TrimSpace(strings.TrimLeft(s, ">|&"))
	return s, s != ""
}

// file judges one file use; only what is not allowed is worth a step.
func (j *execJudge) file(u cmdline.FileUse) {
	for _, p := range u.Paths {
		if j.files.find(p, u.Access, u.Glob).verdict != Allow {
			j.steps = append(j.steps, j.files.judgePath(p, u.Text, u.Access, u.Glob))
			return
		}
	}
}

func (j *execJudge) denied(e ExecEntry, what string) {
	j.add(Deny, "exec.denylist", e.Where, fmt.Sprintf("%s is what the denylist calls %q", what, e.Text), fmt.Sprintf("a denylist entry is final; %q stands in tools.exec.denylist", e.Text))
}

// command judges one simple command at whatever depth.
func (j *execJudge) command(i int) {
	c := &j.f.Commands[i]
	shown := ""
	if !j.quiet {
		shown = program(c)
	}
	if len(c.RawDisk) > 0 {
		j.add(Deny, "exec.raw_disk", claw.ConfigRef{}, fmt.Sprintf("%s would write the raw disk %q", shown, c.RawDisk[0]), "a raw disk is never written by an agent")
	}
	for k := range j.r.Denylist {
		if e := &j.r.Denylist[k]; matchesDenied(e.Text, c, j.f) {
			j.denied(*e, shown)
		}
	}
	if !j.full {
		j.programText(c, shown)
		if c.Redefines != "" {
			j.add(Deny, "exec.redefinition", claw.ConfigRef{}, c.Redefines+" changes what later words mean", "")
		}
	}
	if j.full {
		for _, u := range c.Files {
			j.file(u)
		}
		j.add(Allow, "exec.security_full", j.r.SecurityRef, fmt.Sprintf("%s: every command is let through", shown), "")
		return
	}
	entry, listed := j.entry(c)
	answered := !listed && j.answered(i)
	if !listed && !answered && !c.Steering {
		j.add(Ask, "exec.not_on_allowlist", j.r.AllowlistRef, shown+" is not on the allowlist", "allow it once, or add it to tools.exec.allowlist")
		return
	}
	for _, u := range c.Files {
		j.file(u)
	}
	for _, w := range c.Unchecked {
		j.add(Ask, "exec.run_time_word", claw.ConfigRef{}, fmt.Sprintf("a word of %s is known only at run time: %s", shown, w), "look at what it may become")
	}
	for _, why := range c.Inline {
		j.add(Ask, "exec.inline_eval", claw.ConfigRef{}, fmt.Sprintf("%s: %s", shown, why), "an allowlist entry covers program files, not inline code or helper programs")
	}
	if !listed {
		return
	}
	reason := ""
	if !j.quiet {
		reason = fmt.Sprintf("%s is on the allowlist (%q)", shown, entry.Text)
	}
	j.add(Allow, "exec.on_allowlist", entry.Where, reason, "")
}

// programText refuses programs that neither parser nor person can read.
func (j *execJudge) programText(c *cmdline.Command, shown string) {
	switch c.Text.Origin {
	case cmdline.OriginDownload:
		j.add(Deny, "exec.downloaded_program", claw.ConfigRef{}, shown+" would run text that comes from the network", "download it, read it, then run the file")
	case cmdline.OriginOutput:
		j.add(Deny, "exec.unreadable_program", claw.ConfigRef{}, shown+" would run text that another command makes", "write it to a file, read it, then run the file")
	case cmdline.OriginNone, cmdline.OriginConstant, cmdline.OriginFile, cmdline.OriginUnknown:
	}
}

func program(c *cmdline.Command) string {
	if c.Program == "" {
		return "a command known only at run time"
	}
	return fmt.Sprintf("%q", cmdline.Visible(c.Program))
}

// entry finds the allowlist entry whose words argv starts with.
func (j *execJudge) entry(c *cmdline.Command) (*ExecEntry, bool) {
	for i := range j.r.Allowlist {
		e := &j.r.Allowlist[i]
		n, ok := 0, true
		for w := range strings.FieldsSeq(e.Text) {
			if n == len(c.Argv) {
				ok = false
				break
			}
			if a := &c.Argv[n]; !a.Known || a.Glob || a.Text != w {
				ok = false
				break
			}
			n++
		}
		if ok && n > 0 {
			return e, true
		}
	}
	return nil, false
}

// answered reports whether a standing answer covers command i, and notes which
// one. It takes the place of an allowlist entry and of nothing else: whatever
// a listed command is still asked about or refused for holds for it too.
func (j *execJudge) answered(i int) bool {
	for k := range j.r.Standing {
		r := &j.r.Standing[k]
		if r.Covers(j.f, i, j.run) {
			j.add(Allow, RuleStanding, claw.ConfigRef{File: "exec-approvals.json", Pointer: "agents." + string(r.Agent) + ".allowlist." + r.ID},
				fmt.Sprintf("%s runs by a standing answer", program(&j.f.Commands[i])), "openclaw approvals rules list")
			return true
		}
	}
	return false
}

// RuleStanding allows a command that a person allowed for longer than once.
const RuleStanding = "exec.standing_answer"

// Unlisted are the commands of a line, by index, that are on no list and need
// to be on one.
func (r *ExecRules) Unlisted(f *cmdline.Facts) (out []int) {
	j := execJudge{r: r, f: f}
	for i := range f.Commands {
		if _, listed := j.entry(&f.Commands[i]); !listed && !f.Commands[i].Steering {
			out = append(out, i)
		}
	}
	return out
}
