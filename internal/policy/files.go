package policy

import (
	"fmt"
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

// files judges every file that a call reads or writes.
func (t *tally) files(r *FileRules, facts *Facts) {
	for i := range facts.Reads {
		t.file(r, &facts.Reads[i], cmdline.Read)
	}
	for i := range facts.Writes {
		t.file(r, &facts.Writes[i], cmdline.Write)
	}
}

func (t *tally) file(r *FileRules, p *Path, access Access) {
	f := r.find(p.Abs, access, false)
	t.add(LayerFiles, f.verdict, f.rule, f.where, func() (string, string) { return f.words(textOf(p.Text, p.Abs), access) })
}

// judgePath judges an absolute path; glob means that it is a pattern, and
// what any name of it meets counts.
func (r FileRules) judgePath(abs, text string, access Access, glob bool) Step {
	f := r.find(abs, access, glob)
	s := Step{Layer: LayerFiles, Verdict: f.verdict, Rule: f.rule, Where: f.where}
	s.Reason, s.Hint = f.words(textOf(text, abs), access)
	return s
}

func textOf(text, abs string) string {
	if text == "" {
		return abs
	}
	return text
}

// fileRuling is what the rules say about one path.
type fileRuling struct {
	verdict Verdict
	rule    RuleID
	where   claw.ConfigRef
	pattern string // of fs.deny_path
}

// find judges a path without words. Without a workspace every file is refused.
func (r *FileRules) find(abs string, access Access, glob bool) fileRuling {
	if r.Workspace == "" || !strings.HasPrefix(r.Workspace, "/") {
		return fileRuling{rule: "fs.no_workspace", where: r.WorkspaceRef}
	}
	if !strings.HasPrefix(abs, "/") || strings.Contains(abs, "\x00") || climbs(abs) {
		return fileRuling{rule: "fs.bad_path"}
	}
	if access == cmdline.Read && r.skill(abs, glob) {
		return fileRuling{verdict: Allow, rule: "fs.skill"}
	}
	if pat := r.match(r.Always, abs, glob); pat != nil {
		return fileRuling{rule: "fs.always_denied", where: pat.Where}
	}
	if pat := r.match(r.Deny, abs, glob); pat != nil {
		return fileRuling{rule: "fs.deny_path", where: pat.Where, pattern: pat.Pattern}
	}
	if inside(abs, r.Workspace) {
		if access == cmdline.Write {
			if pat := r.steers(abs, glob); pat != nil {
				return fileRuling{rule: "fs.steering_file", where: pat.Where}
			}
		}
		return fileRuling{verdict: Allow, rule: "fs.in_workspace", where: r.WorkspaceRef}
	}
	if r.WorkspaceOnly {
		return fileRuling{rule: "fs.outside_workspace", where: r.WorkspaceRef}
	}
	if access == cmdline.Read {
		for _, root := range r.ReadRoots {
			if inside(abs, root) {
				return fileRuling{verdict: Allow, rule: "fs.read_root", where: r.WorkspaceRef}
			}
		}
	}
	return fileRuling{verdict: Ask, rule: "fs.outside_workspace", where: r.WorkspaceRef}
}

// skill reports a path in the copy of a loaded skill. A pattern may match the
// way back up, so it is none.
func (r *FileRules) skill(abs string, glob bool) bool {
	if glob && strings.ContainsAny(abs, "*?[") {
		return false
	}
	for _, root := range r.Skills {
		if root != "" && inside(abs, root) {
			return true
		}
	}
	return false
}

// words says why, and what a person can do.
func (f *fileRuling) words(text string, access Access) (reason, hint string) {
	verb := "read"
	if access == cmdline.Write {
		verb = "write"
	}
	switch f.rule {
	case "fs.no_workspace":
		return "no workspace is in force", "set agents.defaults.workspace to an absolute path"
	case "fs.bad_path":
		return fmt.Sprintf("%q is not an absolute, resolved path", text), ""
	case "fs.always_denied":
		return fmt.Sprintf("no agent may %s %q", verb, text), "this path is closed to every agent, whatever is configured"
	case "fs.deny_path":
		return fmt.Sprintf("%q lies below a denied path", text),
			fmt.Sprintf("it is covered by %q in tools.fs.denyPaths; remove that entry if agents may %s it", f.pattern, verb)
	case "fs.steering_file":
		return fmt.Sprintf("%q steers programs or agents and may not be written", text), "write it yourself, or grant this path to the agent"
	case "fs.in_workspace":
		return say("", text, " is in the workspace", ""), ""
	case "fs.skill":
		return fmt.Sprintf("%q belongs to a skill that is loaded", text), ""
	case "fs.read_root":
		return fmt.Sprintf("%q is below a folder that may be read", text), ""
	}
	hint = "tools.fs.workspaceOnly keeps agents in the workspace; move the file there or unset it"
	if f.verdict == Ask {
		hint = "allow it once, or add its folder to tools.exec.readRoots"
	}
	return fmt.Sprintf("%q is outside the workspace", text), hint
}

// climbs reports whether a path has an element "..".
func climbs(abs string) bool {
	for i := strings.Index(abs, ".."); i >= 0; {
		if (i == 0 || abs[i-1] == '/') && (i+2 == len(abs) || abs[i+2] == '/') {
			return true
		}
		next := strings.Index(abs[i+1:], "..")
		if next < 0 {
			return false
		}
		i += 1 + next
	}
	return false
}

func (r *FileRules) match(ps []PathPattern, abs string, glob bool) *PathPattern {
	for i := range ps {
		if ps[i].covers(abs, r.Home, glob) {
			return &ps[i]
		}
	}
	return nil
}

// Steers reports whether a write at abs would touch a file that steers
// programs or agents.
func (r FileRules) Steers(abs string) bool { return r.steers(abs, false) != nil }

// steers finds a steering pattern that a write at abs would touch: the file,
// what is below it, or a folder that holds it.
func (r *FileRules) steers(abs string, glob bool) *PathPattern {
	rel := strings.Trim(strings.TrimPrefix(abs, r.Workspace), "/")
	if rel == "" {
		return nil
	}
	for i := range r.Steering {
		pat := strings.Trim(r.Steering[i].Pattern, "/")
		if !strings.Contains(pat, "/") {
			if coversAnywhere(pat, rel, glob) {
				return &r.Steering[i]
			}
			continue
		}
		if coversElements(pat, rel, glob) {
			return &r.Steering[i]
		}
		for at := strings.LastIndexByte(pat, '/'); at > 0; at = strings.LastIndexByte(pat[:at], '/') {
			if head := pat[:at]; head != "**" && exactly(head, rel, glob) {
				return &r.Steering[i]
			}
		}
	}
	return nil
}

// coversAnywhere is coversElements of "**/" and one element.
func coversAnywhere(pattern, name string, glob bool) bool {
	for rest := name; rest != ""; {
		var e string
		e, rest, _ = strings.Cut(rest, "/")
		if element(pattern, e, glob) {
			return true
		}
	}
	return false
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

// Covers reports whether the pattern stands for abs or a folder above it;
// home replaces a leading "~".
func (p PathPattern) Covers(abs, home string) bool { return p.covers(abs, home, false) }

// covers is Covers; glob means that abs is a pattern itself.
func (p *PathPattern) covers(abs, home string, glob bool) bool {
	pat := p.Pattern
	if p.Except != "" && inside(abs, p.Except) && !(glob && strings.ContainsAny(abs, "*?[")) {
		return false
	}
	if pat == "~" || strings.HasPrefix(pat, "~/") {
		if home == "" {
			return false
		}
		home = strings.TrimSuffix(home, "/")
		if !glob && !strings.Contains(pat, "*") {
			return inside(abs, home) && (pat == "~" || inside(abs[len(home):], pat[1:]))
		}
		pat = home + pat[1:]
	}
	if !glob && !strings.Contains(pat, "*") {
		return pat != "" && inside(abs, pat)
	}
	return coversElements(strings.Trim(pat, "/"), strings.Trim(abs, "/"), glob)
}

// fewElements is how long a pattern may be without costing an allocation.
const fewElements = 24

// coversElements matches element by element; the pattern need not reach the
// end of the path. It keeps the set of pattern places reached, so the cost is
// the product of both lengths however many "**" there are.
func coversElements(pattern, name string, glob bool) bool {
	var words [fewElements]string
	var places [fewElements + 1]bool
	pats, at := words[:0], places[:]
	for rest, more := pattern, true; more; {
		var e string
		e, rest, more = strings.Cut(rest, "/")
		pats = append(pats, e)
	}
	if len(pats) > fewElements {
		at = make([]bool, len(pats)+1)
	}
	at[0] = true
	skipStars(pats, at)
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
		skipStars(pats, at)
	}
}

// skipStars lets "**" stand for nothing.
func skipStars(pats []string, at []bool) {
	for i, p := range pats {
		if at[i] && p == "**" {
			at[i+1] = true
		}
	}
}

func element(pattern, name string, glob bool) bool {
	if pattern == name || pattern == "*" {
		return true
	}
	if glob {
		return cmdline.GlobsMeet(name, escape(pattern))
	}
	return strings.IndexByte(pattern, '*') >= 0 && starMatch(pattern, name)
}

// starMatch matches a pattern whose only special character is "*". It goes
// back to the newest star alone, so the cost is the product of both lengths.
func starMatch(pattern, name string) bool {
	p, n, star, from := 0, 0, -1, 0
	for n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, n
			p++
		case p < len(pattern) && pattern[p] == name[n]:
			p++
			n++
		case star >= 0:
			from++
			p, n = star+1, from
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// escape keeps "*" of a path pattern as the only special character.
func escape(pattern string) string {
	return strings.NewReplacer(`?`, `\?`, `[`, `\[`, `\`, `\\`).Replace(pattern)
}
