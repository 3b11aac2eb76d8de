package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/cmdline"
)

// Access is how a file is used: cmdline.Read or cmdline.Write.
type Access = cmdline.Access

// DefaultSteering lists what later steers programs or agents, run by a person
// outside any sandbox: readable for agents, never written or created by them
// (R02). Patterns are relative to the workspace.
func DefaultSteering() []string {
	return []string{"**/.git/hooks", "**/.git/config", "**/.git/info/attributes", "**/.git/modules", ".envrc", ".vscode", ".idea", ".husky", ".npmrc", ".yarnrc", ".yarnrc.yml", ".yarn/releases", ".pnpmfile.cjs",
		".pre-commit-config.yaml", "lefthook.yml", "**/.cargo/config.toml", "**/.cargo/config", ".claude", ".cursor", ".codex", ".mcp.json", ".devcontainer", ".tool-versions", "mise.toml", ".mise.toml",
		"AGENTS.md", "CLAUDE.md", "SOUL.md", "TOOLS.md", "IDENTITY.md", "USER.md", "HEARTBEAT.md", "BOOT.md", "BOOTSTRAP.md", "skills"}
}

// judgeFiles judges every file that a call reads or writes.
func judgeFiles(r FileRules, facts Facts) []Step {
	steps := make([]Step, 0, len(facts.Reads)+len(facts.Writes))
	for _, p := range facts.Reads {
		steps = append(steps, r.judge(p, cmdline.Read))
	}
	for _, p := range facts.Writes {
		steps = append(steps, r.judge(p, cmdline.Write))
	}
	return steps
}

// judge judges one file. Without a workspace every file is refused.
func (r FileRules) judge(p Path, access Access) Step {
	return r.judgePath(p.Abs, p.Text, access, false)
}

// judgePath judges an absolute path; glob means that it is a pattern, and
// what any name of it meets counts.
func (r FileRules) judgePath(abs, text string, access Access, glob bool) Step {
	if text == "" {
		text = abs
	}
	s := Step{Layer: LayerFiles, Verdict: Allow, Rule: "fs.in_workspace", Where: r.WorkspaceRef}
	verb := "read"
	if access == cmdline.Write {
		verb = "write"
	}
	refuse := func(rule RuleID, where claw.ConfigRef, reason, hint string) Step {
		return Step{Layer: LayerFiles, Verdict: Deny, Rule: rule, Where: where, Reason: reason, Hint: hint}
	}
	if r.Workspace == "" || !strings.HasPrefix(r.Workspace, "/") {
		return refuse("fs.no_workspace", r.WorkspaceRef, "no workspace is in force", "set agents.defaults.workspace to an absolute path")
	}
	if !strings.HasPrefix(abs, "/") || strings.Contains(abs, "\x00") || slices.Contains(strings.Split(abs, "/"), "..") {
		return refuse("fs.bad_path", claw.ConfigRef{}, fmt.Sprintf("%q is not an absolute, resolved path", text), "")
	}
	if pat, ok := r.match(r.Always, abs, glob); ok {
		return refuse("fs.always_denied", pat.Where, fmt.Sprintf("no agent may %s %q", verb, text), "this path is closed to every agent, whatever is configured")
	}
	if pat, ok := r.match(r.Deny, abs, glob); ok {
		return refuse("fs.deny_path", pat.Where, fmt.Sprintf("%q lies below a denied path", text),
			fmt.Sprintf("it is covered by %q in tools.fs.denyPaths; remove that entry if agents may %s it", pat.Pattern, verb))
	}
	if inside(abs, r.Workspace) {
		if access == cmdline.Write {
			if pat, ok := r.steers(abs, glob); ok {
				return refuse("fs.steering_file", pat.Where, fmt.Sprintf("%q steers programs or agents and may not be written", text),
					"write it yourself, or grant this path to the agent")
			}
		}
		s.Reason = fmt.Sprintf("%q is in the workspace", text)
		return s
	}
	if r.WorkspaceOnly {
		return refuse("fs.outside_workspace", r.WorkspaceRef, fmt.Sprintf("%q is outside the workspace", text),
			"tools.fs.workspaceOnly keeps agents in the workspace; move the file there or unset it")
	}
	if access == cmdline.Read && slices.ContainsFunc(r.ReadRoots, func(root string) bool { return inside(abs, root) }) {
		s.Rule, s.Reason = "fs.read_root", fmt.Sprintf("%q is below a folder that may be read", text)
		return s
	}
	s.Verdict, s.Rule, s.Reason = Ask, "fs.outside_workspace", fmt.Sprintf("%q is outside the workspace", text)
	s.Hint = "allow it once, or add its folder to tools.exec.readRoots"
	return s
}

func (r FileRules) match(ps []PathPattern, abs string, glob bool) (PathPattern, bool) {
	for _, p := range ps {
		if p.covers(abs, r.Home, glob) {
			return p, true
		}
	}
	return PathPattern{}, false
}

// steers finds a steering pattern that a write at abs would touch: the file,
// what is below it, or a folder that holds it.
func (r FileRules) steers(abs string, glob bool) (PathPattern, bool) {
	rel := strings.Trim(strings.TrimPrefix(abs, r.Workspace), "/")
	if rel == "" {
		return PathPattern{}, false
	}
	for _, p := range r.Steering {
		pat := strings.Trim(p.Pattern, "/")
		if !strings.Contains(pat, "/") {
			pat = "**/" + pat
		}
		if coversElements(pat, rel, glob) {
			return p, true
		}
		for i := strings.LastIndexByte(pat, '/'); i > 0; i = strings.LastIndexByte(pat[:i], '/') {
			if head := pat[:i]; head != "**" && exactly(head, rel, glob) {
				return p, true
			}
		}
	}
	return PathPattern{}, false
}

// exactly reports whether pattern covers rel but not its parent.
func exactly(pattern, rel string, glob bool) bool {
	if !coversElements(pattern, rel, glob) {
		return false
	}
	i := strings.LastIndexByte(rel, '/')
	return i < 0 || !coversElements(pattern, rel[:i], glob)
}

func inside(abs, root string) bool {
	if root = strings.TrimSuffix(root, "/"); root == "" {
		return true
	}
	return strings.HasPrefix(abs, root) && (len(abs) == len(root) || abs[len(root)] == '/')
}

// covers reports whether the pattern stands for abs or a folder above it.
func (p PathPattern) covers(abs, home string, glob bool) bool {
	pat := p.Pattern
	if p.Except != "" && inside(abs, p.Except) && !(glob && strings.ContainsAny(abs, "*?[")) {
		return false
	}
	if pat == "~" || strings.HasPrefix(pat, "~/") {
		if home == "" {
			return false
		}
		pat = strings.TrimSuffix(home, "/") + pat[1:]
	}
	if !glob && !strings.Contains(pat, "*") {
		return pat != "" && inside(abs, pat)
	}
	return coversElements(strings.Trim(pat, "/"), strings.Trim(abs, "/"), glob)
}

// coversElements matches element by element; the pattern need not reach the
// end of the path. It keeps the set of pattern places reached, so the cost is
// the product of both lengths however many "**" there are.
func coversElements(pattern, name string, glob bool) bool {
	pats := strings.Split(pattern, "/")
	at := make([]bool, len(pats)+1)
	skip := func() { // "**" may stand for nothing
		for i, p := range pats {
			if at[i] && p == "**" {
				at[i+1] = true
			}
		}
	}
	at[0] = true
	skip()
	for rest := name; ; {
		if at[len(pats)] {
			return true
		}
		if rest == "" {
			return false
		}
		var e string
		e, rest, _ = strings.Cut(rest, "/")
		for i := len(pats) - 1; i >= 0; i-- {
			ok := at[i]
			at[i] = ok && pats[i] == "**"
			if ok && pats[i] != "**" && element(pats[i], e, glob) {
				at[i+1] = true
			}
		}
		skip()
	}
}

func element(pattern, name string, glob bool) bool {
	if pattern == name || pattern == "*" {
		return true
	}
	if glob {
		return cmdline.GlobsMeet(name, escape(pattern))
	}
	return strings.Contains(pattern, "*") && cmdline.GlobsMeet(quote(name), escape(pattern))
}

// escape keeps "*" of a path pattern as the only special character.
func escape(pattern string) string {
	return strings.NewReplacer(`?`, `\?`, `[`, `\[`, `\`, `\\`).Replace(pattern)
}

func quote(name string) string {
	return strings.NewReplacer(`*`, `\*`, `?`, `\?`, `[`, `\[`, `\`, `\\`).Replace(name)
}
