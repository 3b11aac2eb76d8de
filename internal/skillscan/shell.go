package skillscan

import (
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/openclaw-go/openclaw/internal/cmdline"
	"github.com/openclaw-go/openclaw/internal/skillscan/lang"
)

// tainted is what a variable, a file or a pipe carries, and from which line.
type tainted struct {
	what  string
	place place
	rule  string // of sending it
	line  int
}

// shellText is one script, block or line of shell.
type shellText struct {
	s     *scan
	file  string
	base  int // line before the first
	lines []string
	facts cmdline.Facts
	auto  bool // runs without being asked for: an install hook
	vars  map[string]tainted
	paths map[string]tainted
	cmds  []tainted // by command; what is "" when nothing
	got   map[string]int
}

// Limits of shell in one skill: texts within texts, and texts at all.
const (
	maxShellDepth = 4
	maxShells     = 5000
)

// shell judges shell text that begins after line base of a file.
func (s *scan) shell(file string, base int, text string, auto bool) {
	if s.depth >= maxShellDepth || strings.TrimSpace(text) == "" {
		return
	}
	if s.shells++; s.shells > maxShells {
		s.found("file.not-analysable", file, base+1, "more commands than are looked at")
		return
	}
	s.depth++
	defer func() { s.depth-- }()
	text = s.named(file, base, text)
	env := cmdline.Env{Home: fakeHome, Cwd: "/skill", Workspace: "/skill", User: "u"}
	facts := cmdline.Analyze(text, env)
	lines := strings.Split(text, "\n")
	if len(facts.Commands) == 0 && !facts.Understood && strings.Contains(text, "&!") { // as zsh says it
		facts = cmdline.Analyze(strings.ReplaceAll(text, "&!", "&"), env)
	}
	if len(facts.Commands) == 0 && !facts.Understood {
		if len(lines) > 1 && s.depth < maxShellDepth { // what can be read of it, line by line
			for i, l := range lines {
				if strings.TrimSpace(l) != "" && i < 3000 {
					s.shell(file, base+i, l, auto)
				}
			}
		}
		return
	}
	t := &shellText{s: s, file: file, base: base, lines: lines, facts: facts, auto: auto, vars: map[string]tainted{}, paths: map[string]tainted{}, got: map[string]int{}, cmds: make([]tainted, len(facts.Commands))}
	for i := range facts.Commands {
		t.command(i)
	}
	for _, r := range facts.Redirects {
		t.redirect(r)
	}
	t.assigns()
	t.heredocs()
	t.s.conditions(file, base, lines)
}

// named takes out the lines whose program is a pattern: nobody writes them,
// and each stands for every program.
func (s *scan) named(file string, base int, text string) string {
	if !strings.ContainsAny(text, "*?[") {
		return text
	}
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		if m := patternWord().FindString(l); m != "" {
			lines[i] = ""
			if s.depth == 1 && len(lines) > 1 && jobTime().FindString(l) == "" {
				s.found("exec.pattern", file, base+i+1, l)
			}
		}
	}
	return strings.Join(lines, "\n")
}

var patternWord = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?:^|[;&|(]|\{\s)\s*(?:(?:sudo|env|timeout|nice|nohup|exec|command|xargs|time|busybox|setsid|stdbuf|doas|flock|watch|\d+)\s+)*[^\s='"$#\[()]*[*?][^\s=)]*\s+\S*[*?]`)
})

func (t *shellText) at(line int) int { return t.base + line }

func (t *shellText) evidence(line int) string {
	if line >= 1 && line <= len(t.lines) {
		return t.lines[line-1]
	}
	return ""
}

func (t *shellText) found(rule string, line int) {
	t.s.found(rule, t.file, t.at(line), t.evidence(line))
}

// command judges one command after those before it.
func (t *shellText) command(i int) {
	c := &t.facts.Commands[i]
	t.s.manifest.program(c, t.s.depth)
	t.cmds[i] = t.carries(i)
	t.flows(i)
	t.runs(i)
	t.dangers(c)
	t.supply(c)
	t.inline(c)
	for _, w := range c.Argv[min(1, len(c.Argv)):] {
		for _, v := range w.Values() {
			t.s.embedded(t.file, t.at(c.Line), v)
		}
	}
	if t.auto && (isNetwork(c.Program) || cmdline.KindOf(c.Program) == cmdline.Shell) {
		t.found("supply.hook", c.Line)
	}
}

// identity programs use a key without reading it out.
func usesKeys(program string) bool {
	switch program {
	case "ssh", "scp", "sftp", "ssh-add", "ssh-keygen", "ssh-copy-id", "ssh-agent", "chmod", "chown", "ls", "stat", "test", "[", "[[", "mkdir", "touch", "git", "gpg", "rsync", "kubectl", "helm", "aws", "gcloud", "docker", "cd", "pushd", "find", "du", "restic", "ansible", "ansible-playbook", "rm", "export", "source", ".", "command", "which", "sudo", "doas", "env", "for", "echo", "printf":
		return true
	}
	return false
}

// sourceOf tells what a command itself reads that is secret.
func (t *shellText) sourceOf(c *cmdline.Command) tainted {
	words := texts(c)
	args := strings.Join(words, " ")
	has := func(w string) bool { return slices.Contains(words, w) }
	secret := func(what string, p place) tainted {
		return tainted{what: what, place: p, rule: "flow.secret", line: c.Line}
	}
	switch c.Program {
	case "env", "printenv":
		if len(c.Argv) == 1 && len(c.Via) == 0 || c.Program == "printenv" && len(c.Argv) == 1 || has("-0") {
			return tainted{what: "every variable", rule: "flow.environment", line: c.Line}
		}
	case "export", "set", "declare":
		if len(c.Argv) == 1 && c.Program == "set" || has("-p") {
			return tainted{what: "every variable", rule: "flow.environment", line: c.Line}
		}
	case "security":
		if has("find-generic-password") || has("find-internet-password") || has("dump-keychain") || has("export") {
			return secret("the keychain", credential)
		}
	case "secret-tool", "pass", "kwallet-query", "lastpass", "lpass", "keyring":
		if has("lookup") || has("show") || has("search") || c.Program == "keyring" && has("get") {
			return secret("the password store", credential)
		}
	case "gpg":
		if strings.Contains(args, "--export-secret") {
			return secret("secret keys", credential)
		}
	case "kubectl":
		if has("config") && has("--raw") || has("get") && (has("secret") || has("secrets")) {
			return secret("the cluster's secrets", credential)
		}
	case "gh", "gcloud", "az", "aws", "op", "bw", "heroku", "vercel":
		if has("token") || has("print-access-token") || has("get-access-token") || has("export-credentials") || has("--reveal") || has("export") && c.Program == "bw" || has("get-session-token") || has("auth:token") {
			return secret("an access token", credential)
		}
	case "pbpaste", "xclip", "xsel", "wl-paste", "scrot", "screencapture", "grim", "gnome-screenshot", "maim", "arecord", "ffmpeg":
		if c.Program != "ffmpeg" && (c.Program != "xclip" && c.Program != "xsel" || has("-o") || has("--output") || has("-out")) || strings.Contains(args, "x11grab") || strings.Contains(args, "avfoundation") {
			return tainted{what: "the clipboard, screen or microphone", rule: "flow.watch", line: c.Line}
		}
	case "history", "fc":
		return secret("the shell's history", history)
	case "curl", "wget":
		if metadataHost(args) {
			t.found("read.metadata", c.Line)
			return tainted{what: "the machine's credentials", place: credential, rule: "flow.secret", line: c.Line}
		}
	}
	if usesKeys(c.Program) && !(c.Program == "find" && strings.Contains(args, "-exec")) {
		return tainted{}
	}
	for _, p := range t.reads(c) {
		if k := placeOf(p); k.secret() || k == ownConfig {
			return secret(k.String(), k)
		}
		if k := placeOf(p); k == steering && (strings.HasSuffix(strings.ToLower(p), "memory.md") || strings.HasSuffix(strings.ToLower(p), "user.md")) {
			return secret("memory", transcripts)
		}
		if dotenv(p) {
			return tainted{what: "a file of secrets", rule: "flow.secret", line: c.Line}
		}
	}
	return tainted{}
}

// reads are the paths that a command reads, also those that it is given by a
// redirection in its line.
func (t *shellText) reads(c *cmdline.Command) []string { return t.uses(c, cmdline.Read) }

func (t *shellText) writes(c *cmdline.Command) []string { return t.uses(c, cmdline.Write) }

func (t *shellText) uses(c *cmdline.Command, access cmdline.Access) (out []string) {
	for _, f := range c.Files {
		if f.Access == access {
			out = append(out, f.Paths...)
		}
	}
	for _, r := range t.facts.Redirects {
		if r.Line == c.Line && r.Access == access {
			out = append(out, r.Paths...)
		}
	}
	return out
}

func texts(c *cmdline.Command) []string {
	out := make([]string, 0, len(c.Argv))
	for _, w := range c.Argv {
		out = append(out, w.Text)
	}
	return out
}

var (
	varUse = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\$\{?([A-Za-z_][A-Za-z0-9_]*)`) })
	varSet = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile("(?:^|[;&|({ \t])(?:export |local |readonly )?([A-Za-z_][A-Za-z0-9_]*)=[\"']?[^ ]*(?:\\$\\(|`)")
	})
	varFor = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile("\\bfor ([A-Za-z_][A-Za-z0-9_]*) in .*(?:\\$\\(|`)") })
)

// carries is what a command's output holds: what it reads, what reaches it by
// pipes, in its words, in files written before. Variables set in its line from
// its output hold it too.
func (t *shellText) carries(i int) tainted {
	c := &t.facts.Commands[i]
	out := t.sourceOf(c)
	if out.what == "" {
		out = t.given(i)
	}
	if out.what == "" {
		return out
	}
	for _, p := range t.writes(c) {
		t.paths[p] = out
	}
	if copies(c.Program) {
		for _, w := range c.Argv {
			for _, m := range varUse().FindAllStringSubmatch(w.Raw, 4) {
				if m[1] != "HOME" && !w.Known {
					t.vars[m[1]] = out
				}
			}
		}
		for _, w := range c.Argv[1:] {
			if !strings.HasPrefix(w.Text, "-") && strings.HasPrefix(w.Text, "/") && !strings.HasPrefix(w.Text, fakeHome) {
				t.paths[w.Text] = out
			}
		}
	}
	if c.Program == "read" {
		for _, w := range c.Argv[1:] {
			t.vars[w.Text] = out
		}
	}
	line := t.evidence(c.Line)
	for _, re := range [...]*regexp.Regexp{varSet(), varFor()} {
		for _, m := range re.FindAllStringSubmatch(line, 4) {
			t.vars[m[1]] = out
		}
	}
	return out
}

func copies(program string) bool {
	switch program {
	case "cp", "mv", "tar", "zip", "7z", "gzip", "install", "dd", "rsync", "sqlite3", "ln", "cat", "tee", "scrot", "screencapture", "grim", "maim", "base64", "openssl", "gpg":
		return true
	}
	return false
}

// given is what reaches a command from others.
func (t *shellText) given(i int) tainted {
	c := &t.facts.Commands[i]
	for _, u := range c.Upstream {
		if u < len(t.cmds) && t.cmds[u].what != "" {
			return t.cmds[u]
		}
	}
	for _, p := range t.reads(c) {
		if x, ok := t.paths[p]; ok {
			return x
		}
	}
	for _, w := range c.Argv {
		for _, m := range varUse().FindAllStringSubmatch(w.Raw, 8) {
			if x, ok := t.vars[m[1]]; ok {
				return x
			}
		}
		if at := strings.TrimLeft(w.Text, "@"); at != w.Text {
			if x, ok := t.paths[at]; ok {
				return x
			}
		}
		if strings.Contains(w.Raw, "$(") || strings.Contains(w.Raw, "`") {
			for j := range i {
				o := &t.facts.Commands[j]
				if t.cmds[j].what != "" && (o.Line == c.Line || strings.Contains(w.Raw, "\n")) && o.Role != cmdline.RoleList && len(o.Argv) > 0 && strings.Contains(w.Raw, o.Program) {
					return t.cmds[j]
				}
			}
		}
	}
	return tainted{}
}

func isNetwork(program string) bool {
	switch program {
	case "curl", "wget", "nc", "ncat", "netcat", "socat", "telnet", "ftp", "sftp", "lftp", "scp", "rsync", "http", "https", "xh", "aria2c", "rclone", "mail", "mailx", "mutt", "sendmail", "msmtp", "swaks", "websocat", "tftp", "gsutil", "transfer", "croc", "wormhole", "curlie", "httpie":
		return true
	}
	return false
}

func isLookup(program string) bool {
	switch program {
	case "dig", "nslookup", "host", "drill", "ping", "ping6", "getent", "resolvectl", "kdig":
		return true
	}
	return false
}

// sendsOut reports a command that gives its input or files to another machine.
func (t *shellText) sendsOut(c *cmdline.Command) bool {
	words := texts(c)
	if isNetwork(c.Program) || isLookup(c.Program) {
		return true
	}
	second := ""
	if len(words) > 1 {
		second = words[1]
	}
	switch c.Program {
	case "openssl":
		return second == "s_client"
	case "aws":
		return second == "s3" || second == "s3api"
	case "git":
		return slices.Contains(words, "push")
	case "gh":
		return second == "gist" || second == "issue" || second == "api"
	case "ssh":
		return len(c.Upstream) > 0
	case "gcloud", "az", "b2", "mc", "s3cmd":
		return slices.Contains(words, "cp") || slices.Contains(words, "put") || slices.Contains(words, "upload")
	}
	return false
}

// flows judges what leaves.
func (t *shellText) flows(i int) {
	c := &t.facts.Commands[i]
	x := t.cmds[i]
	if x.what != "" && !t.sendsOut(c) && x.line == c.Line && x.place.secret() && x.place != history && x.place != transcripts && c.Program != "cp" && !hasAny(t.evidence(c.Line), ">/dev/null", "> /dev/null", "dir ~/.openclaw ", "dir=~/.openclaw ") {
		t.found("read.secret", c.Line)
	}
	if !t.sendsOut(c) {
		return
	}
	own := x.what != "" && x.line == c.Line && metadataHost(strings.Join(texts(c), " "))
	if own {
		for _, u := range c.Upstream {
			own = own && t.cmds[u].what == ""
		}
	}
	if x.what != "" && !own {
		rule := x.rule
		if isLookup(c.Program) {
			rule = "flow.dns"
		}
		t.found(rule, c.Line)
		if x.line != c.Line {
			t.s.found(rule, t.file, t.at(x.line), t.evidence(x.line))
		}
		return
	}
	host, plain := t.destination(c)
	for _, w := range c.Argv[1:] {
		for _, m := range varUse().FindAllStringSubmatch(w.Raw, 8) {
			t.s.sees(m[1])
			if credentialName(m[1]) {
				t.s.sends = append(t.s.sends, sendAct{file: t.file, line: t.at(c.Line), name: m[1], host: host, evidence: t.evidence(c.Line), lookup: isLookup(c.Program), plain: plain})
			}
		}
	}
}

// destination is the host that a command names, and whether the way there is
// open to readers.
func (t *shellText) destination(c *cmdline.Command) (host string, plain bool) {
	for _, w := range c.Argv[1:] {
		if h := hostOf(w.Text); h != "" {
			t.s.manifest.host(h)
			host = h
			plain = strings.HasPrefix(w.Text, "http://")
		}
	}
	return host, plain
}

// hostOf is the host of an address, "" when there is none.
func hostOf(s string) string {
	_, rest, ok := strings.Cut(s, "://")
	if !ok {
		return ""
	}
	rest = rest[:len(rest)-len(strings.TrimLeft(rest, ""))] + rest
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		rest = rest[:i]
	}
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		rest = rest[i+1:]
	}
	rest, _, _ = strings.Cut(rest, ":")
	if strings.ContainsAny(rest, "\x00$<>{} ") || rest == "" {
		return ""
	}
	return strings.ToLower(rest)
}

// setsUp lists programs whose output is meant for a shell.
func setsUp(programs []string) bool {
	for _, p := range programs {
		switch p {
		case "direnv", "ssh-agent", "brew", "starship", "zoxide", "pyenv", "rbenv", "nodenv", "fnm", "mise", "asdf", "dircolors", "lesspipe", "opam", "docker-machine", "minikube", "register-python-argcomplete", "conda", "thefuck", "atuin", "fzf", "kubectl", "gh", "op", "luarocks", "pip", "npm", "resize", "keychain", "gpg-agent", "echo", "hostname", "uname", "dirname", "basename", "pwd", "which", "command", "realpath", "readlink", "mktemp", "date", "git", "getopt":
		default:
			return false
		}
	}
	return len(programs) > 0
}

func decodes(programs []string) bool {
	return slices.ContainsFunc(programs, func(p string) bool {
		switch p {
		case "base64", "base32", "xxd", "openssl", "gunzip", "zcat", "gzip", "rev", "tr", "od", "uudecode", "hexdump", "bzip2", "bunzip2", "xz", "unxz", "zstd", "brotli", "gpg", "awk", "perl", "python3", "python", "printf", "sed", "cut", "fold", "unzip", "tail", "dd", "lz4", "age":
			return true
		}
		return false
	})
}

// runs judges where the text comes from that a command runs.
func (t *shellText) runs(i int) {
	c := &t.facts.Commands[i]
	for _, p := range t.downloads(c) {
		t.got[p] = c.Line
	}
	switch c.Text.Origin {
	case cmdline.OriginDownload:
		t.found("exec.download", c.Line)
		for _, f := range append(t.reads(c), c.Argv[0].Text) {
			if n, ok := t.got[f]; ok && n != c.Line {
				t.s.found("exec.download", t.file, t.at(n), t.evidence(n))
			}
		}
	case cmdline.OriginOutput:
		switch {
		case decodes(c.Text.Programs):
			t.found("exec.decoded", c.Line)
			t.decodedText(i)
		case c.Program == "crontab" || c.Program == "at" || setsUp(c.Text.Programs):
		default:
			t.found("exec.output", c.Line)
		}
	case cmdline.OriginNone, cmdline.OriginConstant, cmdline.OriginFile, cmdline.OriginUnknown:
	}
	if c.Text.Origin < cmdline.OriginDownload {
		for _, f := range append(t.reads(c), texts(c)...) {
			if n, ok := t.got[f]; ok && (c.Program == "chmod" || cmdline.KindOf(c.Program) != cmdline.Plain || strings.HasSuffix(f, "/"+c.Program)) && !archiveName(f) {
				t.found("exec.download", c.Line)
				t.s.found("exec.download", t.file, t.at(n), t.evidence(n))
			}
		}
	}
}

func archiveName(p string) bool {
	for _, e := range [...]string{".tar.gz", ".tgz", ".zip", ".tar", ".gz", ".xz", ".json", ".txt", ".csv", ".md"} {
		if strings.HasSuffix(p, e) {
			return true
		}
	}
	return false
}

// downloads are the files that a command fetches, by the names used later.
func (t *shellText) downloads(c *cmdline.Command) []string {
	if c.Program != "curl" && c.Program != "wget" && c.Program != "aria2c" {
		return nil
	}
	var out []string
	words := texts(c)
	for i, w := range words {
		next := ""
		if i+1 < len(words) {
			next = words[i+1]
		}
		if strings.HasPrefix(w, "-") && !strings.HasPrefix(w, "--") && (strings.HasSuffix(w, "o") && c.Program == "curl" || strings.HasSuffix(w, "O") && c.Program == "wget") || w == "--output" || w == "--output-document" {
			out = append(out, next)
		}
		if p, ok := strings.CutPrefix(w, "-o"); ok && p != "" && c.Program == "curl" {
			out = append(out, p)
		}
	}
	return append(out, t.writes(c)...)
}

// decodedText reads what constant text becomes before it is run.
func (t *shellText) decodedText(i int) {
	for _, u := range t.facts.Commands[i].Upstream {
		for _, w := range t.facts.Commands[u].Argv {
			for _, v := range w.Values() {
				if d, ok := lang.Decode(v); ok && len(v) > 12 {
					t.s.embedded(t.file, t.at(t.facts.Commands[i].Line), d)
				}
			}
		}
	}
}
