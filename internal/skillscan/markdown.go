package skillscan

import (
	"path"
	"regexp"
	"strings"
	"sync"

	"github.com/openclaw-go/openclaw/internal/skillscan/lang"
)

// line of a text with its number in the file.
type line struct {
	text string
	n    int
}

// text looks at a text file by what it is.
func (s *scan) text(name, raw string) {
	l, _ := language(name, []byte(raw))
	shell := isShell(name, []byte(raw))
	t := s.clean(name, raw, l != lang.None || shell)
	s.padding(name, t)
	s.secrets(name, t)
	s.feeds(name, t)
	s.compose(name, t)
	ext := strings.ToLower(path.Ext(name))
	base := path.Base(name)
	switch {
	case shell:
		s.shell(name, 0, t, false)
		s.comments(name, t, "#")
	case l != lang.None:
		s.code(name, 0, t, l, base == "setup.py")
		s.comments(name, t, "#", "//", "*")
	case ext == ".md" || ext == ".mdx" || ext == ".markdown" || ext == ".txt" || ext == ".rst" || ext == ".adoc" || ext == "":
		switch base {
		case "Makefile", "makefile", "GNUmakefile", "justfile", "Justfile":
			s.makefile(name, t)
		case "Dockerfile", "Containerfile":
			s.dockerfile(name, t)
		default:
			s.markdown(name, t)
		}
	case ext == ".bat" || ext == ".cmd":
		s.powershell(name, 0, t)
	case ext == ".mk":
		s.makefile(name, t)
	case ext == ".ipynb":
		s.notebook(name, t)
	case base == "package.json":
		s.packageJSON(name, t)
		s.data(name, t)
	case ext == ".svg" || ext == ".html" || ext == ".htm" || ext == ".xml":
		s.markup(name, t)
	default:
		s.data(name, t)
	}
}

// padding finds text that is pushed out of sight.
func (s *scan) padding(name, t string) {
	empty, from := 0, 0
	n := 0
	for l := range strings.SplitSeq(t, "\n") {
		n++
		if strings.TrimSpace(l) == "" {
			if empty == 0 {
				from = n
			}
			empty++
		} else {
			if empty > 200 {
				s.found("text.padding", name, n, "after "+itoa(empty)+" empty lines from line "+itoa(from))
			}
			empty = 0
		}
		if i := strings.Index(l, strings.Repeat(" ", 200)); i >= 0 && strings.TrimSpace(l[i:]) != "" {
			s.found("text.padding", name, n, strings.TrimSpace(l[i:]))
		}
	}
}

func itoa(n int) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return itoa(n/10) + string(rune('0'+n%10))
}

// marks of code in a text, built when the first is looked for.
type codeMarks struct{ fence, inline *regexp.Regexp }

var marksOfCode = sync.OnceValue(func() codeMarks {
	return codeMarks{fence: regexp.MustCompile("^\\s{0,6}(```+|~~~+)\\s*([A-Za-z0-9_+.-]*)"), inline: regexp.MustCompile("`+([^`]+)`+")}
})

// markdown parts a text into what it says and the programs it shows.
func (s *scan) markdown(name, t string) {
	lines := strings.Split(t, "\n")
	i := 0
	if strings.TrimRight(lines[0], " \r") == "---" {
		for i = 1; i < len(lines) && strings.TrimRight(lines[i], " \r") != "---"; i++ {
		}
		i++
	}
	var prose []line
	flush := func() {
		if len(prose) > 0 {
			saved := s.mention
			if t := strings.TrimSpace(prose[0].text); strings.HasPrefix(t, "- ") || strings.HasPrefix(t, "* ") || strings.HasPrefix(t, "|") || strings.HasPrefix(t, "1.") {
				s.mention = s.mention || mentions(listLead(lines, prose[0].n-1))
			}
			s.prose(name, prose, proseText)
			s.bare(name, prose)
			s.mention = saved
		}
		prose = nil
	}
	for ; i < len(lines); i++ {
		l := lines[i]
		if m := marksOfCode().fence.FindStringSubmatch(l); m != nil {
			end := i + 1
			for end < len(lines) && !strings.HasPrefix(strings.TrimSpace(lines[end]), m[1]) {
				end++
			}
			s.block(name, i+1, strings.Join(lines[i+1:min(end, len(lines))], "\n"), strings.ToLower(m[2]), s.lead(prose, lines, i))
			i = end
			continue
		}
		if strings.Contains(l, "<!--") && !strings.Contains(l, "`<!--") {
			flush()
			from := i
			for i < len(lines)-1 && !strings.Contains(lines[i], "-->") {
				i++
			}
			s.comment(name, from, lines[from:i+1])
			continue
		}
		if (strings.HasPrefix(l, "    ") || strings.HasPrefix(l, "\t")) && commandLike(strings.TrimSpace(l)) {
			s.block(name, i, strings.TrimSpace(l), "sh", s.lead(prose, lines, i))
		}
		if strings.TrimSpace(l) == "" || strings.HasPrefix(l, "#") {
			flush()
			continue
		}
		prose = append(prose, line{l, i + 1})
		if len(prose) > 60 {
			flush()
		}
	}
	flush()
	s.inlines(name, lines)
}

// bare looks at commands that stand in a sentence without quotes.
func (s *scan) bare(name string, ls []line) {
	for _, l := range ls {
		t := marksOfCode().inline.ReplaceAllString(l.text, " ")
		if !hasAny(t, "$(", "| sh", "|sh", "| bash", "|bash", "bash <(", "/dev/tcp/") || len(t) > 4000 {
			continue
		}
		for i := 0; i < len(t); i++ {
			if (i == 0 || t[i-1] == ' ') && commandLike(t[i:]) {
				saved := s.mention
				s.mention = s.mention || mentions(t[:i])
				s.shellLine(name, l.n, t[i:])
				s.mention = saved
				break
			}
		}
	}
}

// lead is the text before a block, which says what the block is for.
func (s *scan) lead(prose []line, lines []string, at int) string {
	if len(prose) > 0 {
		return prose[len(prose)-1].text
	}
	for i := at - 1; i >= 0 && i >= at-3; i-- {
		if strings.TrimSpace(lines[i]) != "" {
			return lines[i]
		}
	}
	return ""
}

// block looks at a shown program in its language.
func (s *scan) block(name string, base int, text, info, lead string) {
	saved := s.mention
	s.mention = s.mention || mentions(lead)
	defer func() { s.mention = saved }()
	switch info {
	case "", "sh", "bash", "shell", "zsh", "console", "terminal", "shellsession", "fish", "text", "plain", "txt", "cmd", "bat":
		if info == "" || info == "text" || info == "plain" || info == "txt" {
			if !commandLike(firstLine(text)) {
				s.data(name, text, base)
				return
			}
		}
		if info == "console" || info == "shellsession" || info == "terminal" || strings.HasPrefix(strings.TrimSpace(text), "$ ") {
			text = prompts(text)
		}
		s.shell(name, base, text, false)
	case "python", "py", "python3":
		s.code(name, base, text, lang.Python, false)
	case "js", "javascript", "ts", "typescript", "jsx", "tsx", "mjs", "node":
		s.code(name, base, text, lang.JavaScript, false)
	case "ruby", "rb":
		s.code(name, base, text, lang.Ruby, false)
	case "php":
		s.code(name, base, text, lang.PHP, false)
	case "perl", "pl":
		s.code(name, base, text, lang.Perl, false)
	case "lua":
		s.code(name, base, text, lang.Lua, false)
	case "powershell", "ps1", "pwsh":
		s.powershell(name, base, text)
	case "makefile", "make":
		s.makefileAt(name, text, base)
	default:
		s.data(name, text, base)
	}
}

func firstLine(t string) string {
	for l := range strings.SplitSeq(t, "\n") {
		if l = strings.TrimSpace(l); l != "" && !strings.HasPrefix(l, "#") {
			return strings.TrimPrefix(l, "$ ")
		}
	}
	return ""
}

// prompts keeps the lines that are typed, at their places.
func prompts(t string) string {
	lines := strings.Split(t, "\n")
	for i, l := range lines {
		l = strings.TrimSpace(l)
		for _, p := range []string{"$ ", "# ", "% ", "> "} {
			if rest, ok := strings.CutPrefix(l, p); ok {
				lines[i] = rest
				l = ""
				break
			}
		}
		if l != "" {
			lines[i] = ""
		}
	}
	return strings.Join(lines, "\n")
}

// commandLike reports a text that begins with a program that people run.
func commandLike(t string) bool {
	w, _, _ := strings.Cut(strings.TrimLeft(t, "$ ("), " ")
	w = strings.Trim(path.Base(w), "`\"'")
	if strings.Contains(w, "=") && !strings.Contains(w, "://") {
		return true
	}
	switch w {
	case "curl", "wget", "sh", "bash", "zsh", "sudo", "eval", "python", "python3", "node", "npm", "npx", "pip", "pip3", "uv", "uvx", "pipx", "cat", "tar", "cp", "mv", "rm", "chmod", "chown", "echo", "printf", "env", "printenv", "export", "source", "git", "docker", "podman", "kubectl", "ssh", "scp", "rsync", "nc", "ncat", "socat", "crontab", "systemctl", "launchctl", "openssl", "base64", "gpg", "unzip", "zip", "dig", "nslookup", "osascript", "powershell", "pwsh", "security", "openclaw", "aws", "gcloud", "az", "gh", "brew", "apt", "apt-get", "yarn", "pnpm", "bun", "bunx", "deno", "go", "cargo", "gem", "perl", "ruby", "php", "xattr", "sed", "awk", "find", "xargs", "tee", "dd", "make", "nohup", "ls", "cd", "mkdir", "jq", "history", "set", "usermod", "visudo", "iptables", "ufw", "at", "psql", "mysql", "redis-cli", "op", "pass", "secret-tool":
		return true
	}
	return strings.HasPrefix(t, "./") || strings.HasPrefix(t, "bash <(") || strings.HasPrefix(t, "(")
}

// inlines looks at commands between backquotes.
func (s *scan) inlines(name string, lines []string) {
	fenced := false
	for i, l := range lines {
		if marksOfCode().fence.MatchString(l) {
			fenced = !fenced
			continue
		}
		if fenced || strings.IndexByte(l, '`') < 0 {
			continue
		}
		for _, m := range marksOfCode().inline.FindAllStringSubmatchIndex(l, 32) {
			code := strings.TrimSpace(l[m[2]:m[3]])
			code = strings.ReplaceAll(code, `\|`, "|")
			grants := strings.Contains(code, "NOPASSWD")
			if !grants && (!commandLike(code) || len(code) < 3) {
				continue
			}
			saved := s.mention
			context := l[:m[0]]
			if strings.TrimSpace(context) == "" || strings.TrimSpace(context) == "|" || len(context) < 40 {
				context = s.lead(nil, lines, i) + " " + context
			}
			if strings.HasPrefix(strings.TrimSpace(l), "|") || strings.HasPrefix(strings.TrimSpace(l), "-") || strings.HasPrefix(strings.TrimSpace(l), "*") {
				context = listLead(lines, i) + " " + context
			}
			s.mention = s.mention || mentions(context) || mentions(clauseAfter(l[m[1]:]))
			if grants {
				s.found("priv.sudo", name, i+1, l)
			} else {
				s.shell(name, i, code, false)
			}
			s.mention = saved
		}
	}
}

// listLead is the text above a list or table.
func listLead(lines []string, at int) string {
	for i := at; i >= 0 && i > at-40; i-- {
		t := strings.TrimSpace(lines[i])
		if t == "" || strings.HasPrefix(t, "|") || strings.HasPrefix(t, "-") || strings.HasPrefix(t, "*") || digit(t[0]) {
			continue
		}
		return t
	}
	return ""
}

func clauseAfter(t string) string {
	if i := strings.IndexAny(t, ".;`"); i >= 0 {
		t = t[:i]
	}
	if strings.Contains(t, "is dangerous") || strings.Contains(t, "is not") {
		return "avoid"
	}
	return ""
}

// mentions reports talk about programs rather than an order to run them.
func mentions(t string) bool {
	low := strings.ToLower(t)
	for _, w := range [...]string{"never ", "do not run", "don't run", "do not execute", "avoid", "flag ", "flag these", "look for", "search for", "search rc", "watch for", "such as `", "attack", "malicious", "dangerous", "red flag", "phishing", "injection", "vulnerab", "suspicious", "instead of", "bad:", "bad example", "not like this", "explain; do not", "recogni", "explain these", "indicators", "grep for", "should not", "must not", "do not ", "don't ", "rather than", "unknown keys", "for new jobs", "for keys nobody", "only on the owner's request", "run by the administrator", "on the owner's", "then the user runs", "the user runs"} {
		if strings.Contains(low, w) {
			return true
		}
	}
	return false
}

// comment looks at what a page does not show. Every line of one that gives
// orders is named.
func (s *scan) comment(name string, from int, lines []string) {
	var ls []line
	for i, l := range lines {
		ls = append(ls, line{l, from + i + 1})
	}
	before := len(s.findings)
	s.prose(name, ls, proseHidden)
	for _, l := range ls {
		s.embedded(name, l.n, strings.Trim(l.text, " <!->"))
	}
	if len(s.findings) > before && len(ls) <= 40 {
		for _, l := range ls {
			if t := strings.Trim(l.text, " <!->"); t != "" || l.n == ls[0].n || l.n == ls[len(ls)-1].n {
				s.found("order.hidden", name, l.n, l.text)
			}
		}
	}
}

// comments looks at the comments of a program.
func (s *scan) comments(name, t string, marks ...string) {
	var ls []line
	n := 0
	for l := range strings.SplitSeq(t, "\n") {
		n++
		x := strings.TrimSpace(l)
		for _, m := range marks {
			if rest, ok := strings.CutPrefix(x, m); ok && len(rest) > 20 && !strings.HasPrefix(rest, "!") {
				ls = append(ls, line{strings.TrimLeft(rest, "/*# "), n})
				break
			}
		}
		if len(ls) > 200 {
			break
		}
	}
	if len(ls) > 0 {
		s.prose(name, ls, proseComment)
	}
}

// makefile looks at the recipes.
func (s *scan) makefile(name, t string) { s.makefileAt(name, t, 0) }

var makeVar = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\$[({]([A-Za-z_@<^*][A-Za-z0-9_]*)[)}]|\$([@<^*?])`) })

func (s *scan) makefileAt(name, t string, base int) {
	lines := strings.Split(t, "\n")
	for i, l := range lines {
		recipe := strings.HasPrefix(l, "\t") || strings.HasPrefix(l, "    ")
		if _, v, ok := strings.Cut(l, "$(shell "); ok {
			l, recipe = strings.TrimSuffix(strings.TrimSpace(v), ")"), true
		}
		if !recipe {
			continue
		}
		l = strings.TrimLeft(strings.TrimSpace(l), "@-+")
		l = strings.ReplaceAll(makeVar().ReplaceAllString(l, "${1}x"), "$$", "$")
		s.shell(name, base+i, l, false)
	}
}

func (s *scan) dockerfile(name, t string) {
	for i, l := range strings.Split(t, "\n") {
		l = strings.TrimSpace(l)
		for _, p := range []string{"RUN ", "CMD ", "ENTRYPOINT "} {
			if rest, ok := strings.CutPrefix(l, p); ok && !strings.HasPrefix(rest, "[") {
				s.shell(name, i, strings.TrimSuffix(rest, `\`), false)
			}
		}
	}
}

// markup looks at what a page shows and what it does not.
func (s *scan) markup(name, t string) {
	var ls []line
	n := 0
	for l := range strings.SplitSeq(t, "\n") {
		n++
		if len(l) < 1<<15 {
			plain := tag().ReplaceAllString(l, " ")
			if strings.Count(plain, " ") > 3 {
				ls = append(ls, line{plain, n})
			}
		}
	}
	s.prose(name, ls, proseHidden)
	s.data(name, t)
}

var (
	tag      = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`</?[A-Za-z][^>]*>`) })
	xmlParts = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`<string>([^<]{2,})</string>`) })
)

// data looks at what files of data carry: commands, orders, settings.
func (s *scan) data(name, t string, base ...int) {
	at := 0
	if len(base) > 0 {
		at = base[0]
	}
	program := !strings.HasSuffix(name, ".yar") && !strings.HasSuffix(name, ".csv")
	for i, l := range strings.Split(t, "\n") {
		if len(l) > 1<<16 || strings.TrimSpace(l) == "" {
			continue
		}
		n := at + i + 1
		if weakening(l) {
			s.found("tamper.config", name, n, l)
		}
		if program {
			s.payload(name, n, l)
		}
		for _, m := range quotedText().FindAllString(l, 64) {
			m = strings.NewReplacer(`\"`, `"`, `\n`, "\n", `\\`, `\`).Replace(m[1 : len(m)-1])
			if len(m) > 50 && strings.Count(m, " ") > 6 {
				s.prose(name, []line{{m, n}}, proseHidden)
			}
		}
	}
	s.servers(name, t, at)
	if strings.Contains(t, "StartInterval") || strings.Contains(t, "RunAtLoad") || strings.Contains(t, "[Service]") && strings.Contains(t, "ExecStart") {
		s.unit(name, t)
	}
}

// payload looks at the commands in a line of data: as a whole and each quoted
// text of it.
func (s *scan) payload(name string, n int, l string) {
	if parts := xmlParts().FindAllStringSubmatch(l, 32); len(parts) > 0 {
		for _, p := range parts {
			s.embedded(name, n, strings.NewReplacer("&amp;", "&", "&gt;", ">", "&lt;", "<", "&quot;", `"`).Replace(p[1]))
		}
		return
	}
	quoted := quotedText().FindAllString(l, 64)
	for _, m := range quoted {
		s.embedded(name, n, strings.NewReplacer(`\"`, `"`, `\n`, "\n", `\\`, `\`).Replace(m[1:len(m)-1]))
	}
	if len(quoted) == 0 {
		s.embedded(name, n, strings.TrimSpace(l))
	}
}

// unit judges a file that makes something start by itself.
func (s *scan) unit(name, t string) {
	for i, l := range strings.Split(t, "\n") {
		if strings.Contains(l, "ExecStart") || strings.Contains(l, "ProgramArguments") || strings.Contains(l, "<key>Label</key>") {
			if strings.Contains(l, "curl") || strings.Contains(l, "wget") || strings.Contains(l, "nc ") || strings.Contains(l, "com.apple.") {
				s.found("persist.start", name, i+1, l)
			}
		}
	}
}
