package skillscan

import (
	"encoding/json"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// declared is what a skill says of itself.
type declared struct {
	name, description, version, homepage string
	env, bins                            []string
	tools                                []string
	always                               bool
	text                                 string // of SKILL.md
	from                                 int    // line after the frontmatter
}

// metadata is the block of upstream's that says what a skill needs.
type metadata struct {
	Always     bool     `json:"always"`
	PrimaryEnv string   `json:"primaryEnv"`
	Homepage   string   `json:"homepage"`
	Version    string   `json:"version"`
	SkillKey   string   `json:"skillKey"`
	OS         []string `json:"os"`
	Requires   struct {
		Bins    []string `json:"bins"`
		AnyBins []string `json:"anyBins"`
		Env     []string `json:"env"`
		Config  []string `json:"config"`
	} `json:"requires"`
	EnvVars []struct {
		Name string `json:"name"`
	} `json:"envVars"`
	Install []struct {
		Kind    string `json:"kind"`
		URL     string `json:"url"`
		Package string `json:"package"`
		Formula string `json:"formula"`
		Module  string `json:"module"`
	} `json:"install"`
}

var envName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\b[A-Z][A-Z0-9]*_[A-Z0-9_]+\b`) })

// declared reads the frontmatter of SKILL.md.
func (s *scan) declared() {
	name := ""
	for _, n := range []string{"SKILL.md", "skill.md", "Skill.md"} {
		if f, ok := s.byPath[n]; ok && f.Type == Regular {
			name = n
			s.decl.text = string(f.Data)
			break
		}
	}
	if name == "" {
		s.found("declare.none", ".", 0, "no SKILL.md")
		return
	}
	d := &s.decl
	d.env = append(d.env, envName().FindAllString(d.text[:min(len(d.text), 1<<18)], 200)...)
	lines := strings.Split(d.text, "\n")
	if strings.TrimRight(lines[0], " \r") != "---" {
		return
	}
	end := len(lines)
	for i := 1; i < len(lines); i++ {
		if strings.TrimRight(lines[i], " \r") == "---" {
			end = i
			break
		}
	}
	d.from = end + 1
	for i := 1; i < end; i++ {
		s.key(name, lines, i, end)
	}
}

// key reads one line of the frontmatter. Longer values may follow, indented.
func (s *scan) key(file string, lines []string, i, end int) {
	d, n := &s.decl, i+1
	l := s.cleanLine(file, n, lines[i], false)
	if strings.HasPrefix(l, " ") || strings.HasPrefix(l, "\t") || strings.HasPrefix(l, "#") {
		s.nested(file, n, l)
		return
	}
	k, v, ok := strings.Cut(l, ":")
	if !ok {
		return
	}
	v = strings.TrimSpace(v)
	plain := strings.Trim(v, `"'`)
	switch strings.TrimSpace(k) {
	case "name":
		d.name = plain
		if like := misspelled(strings.ToLower(plain)); like != "" {
			s.found("supply.lookalike", file, n, plain+" resembles "+like)
		}
	case "description":
		if v == ">" || v == "|" || v == ">-" || v == "|-" || v == "" {
			for j := i + 1; j < end && strings.HasPrefix(lines[j], " "); j++ {
				plain += " " + strings.TrimSpace(lines[j])
				s.prose(file, []line{{strings.TrimSpace(lines[j]), j + 1}}, proseHidden)
			}
		}
		d.description = plain
		s.prose(file, []line{{plain, n}}, proseHidden)
	case "version":
		d.version = plain
	case "homepage":
		d.homepage = plain
		s.manifest.declares(hostOf(plain))
	case "allowed-tools", "allowed_tools", "tools", "permissions":
		s.tools(file, n, v)
	case "metadata":
		if !json.Valid([]byte(v)) {
			v = metadataBelow(lines[i:end])
		}
		s.metadata(file, n, v)
	default:
		if len(plain) > 40 {
			s.prose(file, []line{{plain, n}}, proseHidden)
		}
	}
}

func (s *scan) nested(file string, n int, l string) {
	t := strings.TrimSpace(l)
	if strings.Contains(t, "always: true") {
		s.always(file, n, t)
	}
	if strings.HasPrefix(t, "- ") {
		t = strings.Trim(t[2:], `"' `)
		if envName().FindString(t) == t && t != "" {
			s.decl.env = append(s.decl.env, t)
		}
		if t == "*" {
			s.found("declare.everything", file, n, l)
		}
	}
	if weakening(t) {
		s.found("tamper.config", file, n, l)
	}
}

// tools judges the list of tools that a skill wants to use unasked.
func (s *scan) tools(file string, n int, v string) {
	s.decl.tools = strings.FieldsFunc(v, func(r rune) bool { return strings.ContainsRune(`[]"', `, r) })
	for _, t := range s.decl.tools {
		if t == "*" || strings.EqualFold(t, "all") || t == "Bash(*)" || t == "Bash(*:*)" || t == "group:all" {
			s.found("declare.everything", file, n, v)
		}
	}
	if strings.Contains(v, "curl") || strings.Contains(v, "wget") || strings.Contains(v, "WebFetch(*") {
		s.found("declare.network", file, n, v)
	}
}

// metadataBelow is the block that begins at the first line, as JSON.
func metadataBelow(lines []string) string {
	to := 1
	for to < len(lines) && (strings.TrimSpace(lines[to]) == "" || strings.ContainsAny(lines[to][:1], " \t}]-")) {
		to++
	}
	root, err := parseFront(slices.Clone(lines[:to]))
	if err != nil || root.get("metadata") == nil {
		return ""
	}
	return string(root.get("metadata").json())
}

func (s *scan) metadata(file string, n int, v string) {
	var all map[string]json.RawMessage
	if json.Unmarshal([]byte(v), &all) != nil {
		return
	}
	for _, k := range metadataNames {
		var m metadata
		if json.Unmarshal(all[k], &m) != nil {
			continue
		}
		s.decl.env = append(s.decl.env, m.Requires.Env...)
		s.decl.bins = append(append(s.decl.bins, m.Requires.Bins...), m.Requires.AnyBins...)
		if m.PrimaryEnv != "" {
			s.decl.env = append(s.decl.env, m.PrimaryEnv)
		}
		for _, e := range m.EnvVars {
			s.decl.env = append(s.decl.env, e.Name)
		}
		if m.Always {
			s.always(file, n, v)
		}
		for _, c := range m.Requires.Config {
			if weakening(c) {
				s.found("tamper.config", file, n, c)
			}
		}
		for _, i := range m.Install {
			if strings.HasPrefix(i.URL, "http://") {
				s.found("supply.registry", file, n, i.URL)
			} else if i.Kind == "download" && i.URL != "" {
				s.found("supply.url", file, n, i.URL)
			}
			for _, p := range []string{i.Package, i.Formula, i.Module} {
				if like := misspelled(strings.ToLower(packageName(p))); like != "" {
					s.found("supply.lookalike", file, n, p+" resembles "+like)
				}
			}
		}
	}
}

func (s *scan) always(file string, n int, v string) {
	s.decl.always = true
	s.found("declare.always", file, n, v)
}

// weakening reports a setting, in whatever syntax, that takes a guard of the
// gateway away.
func weakening(l string) bool {
	low := strings.ToLower(l)
	if len(low) > 1<<14 {
		return false
	}
	low = strings.NewReplacer(`"`, "", "'", "", " ", "", "\\", "", "]", "", "[", ".").Replace(low)
	for _, w := range [...]string{"exec.security=full", "exec.security:full", "exec:{security:full", "security:full,ask:off", "exec.ask=off", "exec.ask:off", "elevated.enabled=true", "elevated.enabled:true", "elevated:{enabled:true", "workspaceonly:false", "workspaceonly=false", "denypaths:.}", "auth.=mode:none", "auth.={mode:none", "auth:{mode:none", "auth.mode=none", ".bind.=0.0.0.0", "gateway.bind=0.0.0.0", "gateway:{bind:0.0.0.0", "gateway,{}).bind=0.0.0.0", "audit.={enabled:false", "audit:{enabled:false", "audit.={enabled:false", "logging.audit.enabled=false", "dmpolicy:open", "redactsensitive:off", "sandbox:{mode:off", "sandbox.mode=off", "autoallowskills:true", "dangerouslyunconfined:true", "policy:open,allowlist"} {
		if strings.Contains(low, w) {
			return true
		}
	}
	switch {
	case strings.Contains(low, "bind") && strings.Contains(low, "0.0.0.0") && strings.Contains(low, "gateway"):
		return true
	case strings.Contains(low, "auth") && strings.Contains(low, "mode:none"):
		return true
	case strings.Contains(low, "audit") && strings.Contains(low, "enabled:false"):
		return true
	}
	return false
}

// packageJSON judges what an install starts.
func (s *scan) packageJSON(name, t string) {
	var p struct {
		Scripts      map[string]string `json:"scripts"`
		Dependencies map[string]string `json:"dependencies"`
	}
	if json.Unmarshal([]byte(t), &p) != nil {
		return
	}
	lines := strings.Split(t, "\n")
	lineOf := func(key string) int {
		for i, l := range lines {
			if strings.Contains(l, `"`+key+`"`) {
				return i + 1
			}
		}
		return 1
	}
	for _, k := range slices.Sorted(keysOf(p.Scripts)) {
		v, n := p.Scripts[k], lineOf(k)
		auto := k == "preinstall" || k == "install" || k == "postinstall" || k == "prepare" || k == "preprepare" || k == "postprepare"
		before := len(s.findings)
		s.shell(name, 0, v, auto)
		for i := before; i < len(s.findings); i++ {
			s.findings[i].Line = n
		}
		s.settle(before)
		if auto {
			for w := range strings.FieldsSeq(v) {
				at := path.Join(path.Dir(name), strings.Trim(w, `"'`))
				if f, ok := s.byPath[at]; ok && f.Type == Regular {
					s.hooks = append(s.hooks, hookAct{file: name, line: n, text: v, starts: at, evidence: lines[n-1]})
				}
			}
		}
	}
	for _, k := range slices.Sorted(keysOf(p.Dependencies)) {
		v := p.Dependencies[k]
		if strings.HasPrefix(v, "http://") || strings.HasPrefix(v, "git+http://") {
			s.found("supply.registry", name, lineOf(k), k+" "+v)
		}
		if like := misspelled(k); like != "" {
			s.found("supply.lookalike", name, lineOf(k), k+" resembles "+like)
		}
	}
}

func keysOf(m map[string]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// servers judges MCP servers that a file brings.
func (s *scan) servers(name, t string, base int) {
	if !strings.Contains(t, "mcpServers") {
		return
	}
	var c struct {
		Servers map[string]struct {
			Command string   `json:"command"`
			Args    []string `json:"args"`
			URL     string   `json:"url"`
		} `json:"mcpServers"`
	}
	if json.Unmarshal([]byte(t), &c) != nil {
		return
	}
	for i, l := range strings.Split(t, "\n") {
		for _, v := range c.Servers {
			if v.Command == "" || !strings.Contains(l, `"`+v.Command+`"`) {
				continue
			}
			var words []string
			for _, a := range v.Args {
				words = append(words, "'"+strings.ReplaceAll(a, "'", "")+"'")
			}
			before := len(s.findings)
			s.shell(name, 0, v.Command+" "+strings.Join(words, " "), false)
			for j := before; j < len(s.findings); j++ {
				s.findings[j].Line = base + i + 1
			}
			s.settle(before)
		}
	}
}

// misspelled is the well-known name that a name is one slip away from.
func misspelled(name string) string {
	if len(name) < 5 || len(name) > 40 {
		return ""
	}
	for _, k := range wellKnown {
		if name == k {
			return ""
		}
	}
	for _, k := range wellKnown {
		if len(k) >= 6 && oneSlip(name, k) {
			return k
		}
	}
	return ""
}

// oneSlip: two letters exchanged, one doubled, dropped, added or changed.
func oneSlip(a, b string) bool {
	if d := len(a) - len(b); d > 1 || d < -1 {
		return false
	}
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	switch {
	case len(a) == len(b):
		if i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:] {
			return true
		}
		return len(a) > 7 && i < len(a) && a[i+1:] == b[i+1:] && !digit(a[i]) && !digit(b[i])
	case len(a) > len(b):
		return a[i+1:] == b[i:] && !strings.HasSuffix(a, b+"s") && a != b+"s" && i > 0 && !digit(a[i])
	default:
		return a[i:] == b[i+1:] && i > 0 && b != a+"s" && !digit(b[i])
	}
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// wellKnown are names that are worth imitating.
var wellKnown = [...]string{
	"requests", "numpy", "pandas", "urllib3", "setuptools", "cryptography", "tensorflow", "scikit-learn", "matplotlib", "beautifulsoup4", "colorama", "selenium", "sqlalchemy", "playwright", "anthropic", "langchain", "openai", "flask", "django", "fastapi", "pydantic", "pillow", "pyyaml", "boto3", "python-dateutil", "discord.py", "transformers", "aiohttp", "websockets", "paramiko",
	"lodash", "express", "react-dom", "typescript", "cross-env", "node-fetch", "commander", "webpack", "electron", "puppeteer", "discord.js", "chalk", "axios", "dotenv", "mongoose", "nodemailer", "socket.io", "prettier", "eslint", "jquery", "underscore", "request", "moment", "event-stream", "rimraf", "inquirer",
	"brave-search", "todoist", "weather", "github", "slack", "notion", "google-drive", "google-calendar", "telegram", "discord", "obsidian", "spotify", "whatsapp", "1password", "home-assistant", "summarize", "clawhub", "openclaw", "coding-agent", "gemini", "himalaya", "apple-notes", "apple-reminders", "tavily-search", "web-search",
}
