package skillscan

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/skillscan/lang"
)

// sendAct is a variable that reaches another machine.
type sendAct struct {
	file, name, host, evidence string
	line                       int
	lookup, plain              bool
}

// hookAct is a file that an install starts.
type hookAct struct {
	file     string
	line     int
	text     string
	starts   string
	evidence string
}

// code follows a program. base is the line before its first.
func (s *scan) code(file string, base int, text string, l lang.Language, auto bool) {
	if l == lang.PowerShell {
		s.powershell(file, base, text)
		return
	}
	events, whole := lang.Read(text, l, lang.Options{Load: func(p string) (string, bool) { return s.load(file, p) }})
	if !whole {
		s.found("file.not-analysable", file, base+1, "a program longer than what is followed")
	}
	r := program{s: s, file: file, base: base, lines: strings.Split(text, "\n"), auto: auto}
	for i := range events {
		r.event(&events[i])
	}
	r.together(events)
	r.across(l)
	r.literals(l)
}

// load gives a data file of the skill that a program names.
func (s *scan) load(from, p string) (string, bool) {
	for _, at := range []string{path.Join(path.Dir(from), p), path.Clean(p)} {
		if f, ok := s.byPath[at]; ok && f.Type == Regular && len(f.Data) < 1<<20 {
			return string(f.Data), true
		}
	}
	return "", false
}

type program struct {
	s      *scan
	file   string
	base   int
	lines  []string
	auto   bool
	pieces bool // names made of pieces
}

func (r *program) evidence(line int) string {
	if line >= 1 && line <= len(r.lines) {
		return r.lines[line-1]
	}
	return ""
}

func (r *program) found(rule string, line int) {
	r.s.found(rule, r.file, r.base+line, r.evidence(line))
}

// over notes a rule for each line of a call.
func (r *program) over(rule string, e *lang.Event) {
	for n := e.Line; n <= e.End; n++ {
		if n == e.Line || strings.Trim(r.evidence(n), " \t(){}[];,") != "" {
			r.found(rule, n)
		}
	}
}

// event judges one deed of a program.
func (r *program) event(e *lang.Event) {
	switch e.Do {
	case lang.Runs:
		r.runs(e)
	case lang.Evals:
		r.evals(e)
	case lang.Sends, lang.Fetches, lang.Connects, lang.Resolves:
		r.sends(e)
	case lang.Reads:
		for _, t := range e.Texts {
			if k := placeOf(t); k == credential || k == wallet || k == browser || k == processes {
				r.found("read.secret", e.Line)
			}
			r.s.manifest.path(t)
		}
	case lang.Writes:
		r.writes(e)
	case lang.Deletes:
		for _, t := range e.Texts {
			switch k := placeOf(t); k {
			case homeRoot, diskRoot:
				r.found("destroy.tree", e.Line)
			case ownLog, history:
				r.found("tamper.audit", e.Line)
			case ownConfig, transcripts, steering:
				r.found("tamper.config", e.Line)
			case nowhere, credential, wallet, browser, processes, shellStart, startup, sshTrust, sudoers:
			}
		}
	case lang.Binds:
		if has(e.Marks, lang.Socket) && (has(e.Marks, lang.Process) || strings.HasSuffix(e.Name, "dup2")) {
			r.found("shell.reverse", e.Line)
			r.origins("shell.reverse", e, lang.Socket|lang.Process)
		}
	case lang.Watches:
		if !strings.HasPrefix(e.Name, "cv2") {
			r.found("read.watch", e.Line)
		}
	case lang.Sees:
		r.s.sees(e.Name)
	case lang.Loads:
		if e.Name == "child_process" || e.Name == "subprocess" {
			break
		}
		if e.Name == "marshal" {
			r.found("exec.dynamic", e.Line)
		}
	}
}

func has(ms []lang.Mark, f lang.From) bool {
	return slices.ContainsFunc(ms, func(m lang.Mark) bool { return m.From&f != 0 })
}

// runs judges what a program starts.
func (r *program) runs(e *lang.Event) {
	switch {
	case has(e.Marks, lang.Network):
		r.found("exec.download", e.Line)
		r.origins("exec.download", e, lang.Network)
	case fetchedBy(e.Marks):
		r.found("exec.download", e.Line)
		r.origins("exec.download", e, lang.Program)
	case has(e.Marks, lang.Decoded):
		r.found("exec.decoded", e.Line)
	case has(e.Marks, lang.Socket):
		r.found("shell.reverse", e.Line)
	}
	for i, t := range e.Texts {
		if i > 3 || strings.Trim(t, lang.Hole+" ") == "" {
			continue
		}
		r.command(e, t)
	}
	for _, b := range e.Body {
		r.s.embedded(r.file, r.base+e.Line, b)
	}
}

// command judges the text of a command, with the values that fill its holes.
func (r *program) command(e *lang.Event, t string) {
	t = strings.ReplaceAll(t, lang.Hole, "UNKNOWN")
	t = strings.NewReplacer("@~/", "@"+fakeHome+"/", "'~/", "'"+fakeHome+"/").Replace(t)
	if !strings.Contains(r.evidence(e.Line), firstWord(t)) && len(firstWord(t)) > 1 && !strings.Contains(firstWord(t), "UNKNOWN") && !strings.HasPrefix(firstWord(t), "/") {
		r.pieces = pieced(r.lines, firstWord(t))
		if r.pieces {
			r.found("exec.pieces", e.Line)
		}
	}
	before := len(r.s.findings)
	r.s.shell(r.file, 0, t, r.auto)
	for i := before; i < len(r.s.findings); i++ {
		if f := &r.s.findings[i]; f.File == r.file {
			f.Line, f.Evidence = r.base+e.Line, r.evidence(e.Line)
		}
	}
	r.s.settle(before)
	w := firstWord(t)
	if isNetwork(w) || isLookup(w) {
		r.sendsMarks(e, w)
	}
}

// fetchedBy reports the output of a program that downloads.
func fetchedBy(ms []lang.Mark) bool {
	return slices.ContainsFunc(ms, func(m lang.Mark) bool {
		w := firstWord(m.Text)
		return m.From == lang.Program && (w == "curl" || w == "wget") && !strings.Contains(m.Text, "--version")
	})
}

func firstWord(t string) string {
	w, _, _ := strings.Cut(strings.TrimSpace(t), " ")
	return path.Base(strings.Trim(w, `'"`))
}

// pieced reports a word that stands nowhere in the text.
func pieced(lines []string, w string) bool {
	return !slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(l, w) })
}

// origins notes the lines that a value comes from.
func (r *program) origins(rule string, e *lang.Event, f lang.From) {
	for _, m := range e.Marks {
		if m.From&f != 0 && m.Line != e.Line && m.Line > 0 {
			r.found(rule, m.Line)
		}
	}
}

// evals judges text that is run as program.
func (r *program) evals(e *lang.Event) {
	loads := strings.Contains(e.Name, "pickle") || strings.Contains(e.Name, "yaml") || strings.Contains(e.Name, "joblib") || strings.Contains(e.Name, "dill") || e.Name == "unserialize" || e.Name == "Marshal.load"
	switch {
	case e.Name == "import" && !has(e.Marks, lang.Network|lang.Decoded):
		return
	case has(e.Marks, lang.Network):
		r.found("exec.download", e.Line)
		r.origins("exec.download", e, lang.Network)
	case fetchedBy(e.Marks):
		r.found("exec.download", e.Line)
		r.origins("exec.download", e, lang.Program)
	case loads, e.Name == "vm.Script", strings.HasPrefix(e.Name, "WebAssembly"):
	case has(e.Marks, lang.Decoded):
		r.found("exec.decoded", e.Line)
		r.origins("exec.decoded", e, lang.Decoded)
	case has(e.Marks, lang.Program), has(e.Marks, lang.Variable):
		r.found("exec.output", e.Line)
	case len(e.Texts) == 0 || strings.Contains(strings.Join(e.Texts, ""), lang.Hole):
		if !strings.HasSuffix(e.Name, "()") || len(e.Marks) > 0 {
			r.found("exec.dynamic", e.Line)
		}
	}
	if !strings.Contains(r.evidence(e.Line), e.Name) && (e.Name == "eval" || e.Name == "exec" || e.Name == "Function") && pieced(r.lines, e.Name+"(") {
		r.found("exec.pieces", e.Line)
	}
	for _, t := range e.Texts {
		r.s.embedded(r.file, r.base+e.Line, t)
	}
}

// sends judges what reaches other machines.
func (r *program) sends(e *lang.Event) {
	for _, t := range e.Texts {
		if h := hostOf(t); h != "" {
			r.s.manifest.host(h)
		}
		if metadataHost(t) {
			r.found("read.metadata", e.Line)
		}
	}
	r.sendsMarks(e, "")
}

func (r *program) sendsMarks(e *lang.Event, w string) {
	lookup := e.Do == lang.Resolves || isLookup(w)
	for _, m := range e.Marks {
		rule := ""
		switch m.From {
		case lang.Environment:
			rule = "flow.environment"
		case lang.File:
			k := placeOf(m.Text)
			switch {
			case k.secret() || k == ownConfig || k == sshTrust:
				rule = "flow.secret"
			case k == steering:
				rule = "flow.secret"
			case dotenv(m.Text):
				rule = "flow.secret"
			}
		case lang.Watched:
			rule = "flow.watch"
		case lang.Fields:
			rule = "flow.secret"
		case lang.Program:
			if r.secretProgram(m.Text) {
				rule = "flow.secret"
			}
		case lang.Network:
			if metadataHost(m.Text) && !strings.Contains(strings.Join(e.Texts, ""), m.Text) {
				rule = "flow.secret"
			}
		case lang.Variable:
			r.s.sees(m.Text)
			host := ""
			if len(e.Texts) > 0 {
				host = hostOf(e.Texts[0])
			}
			if credentialName(m.Text) || m.Text == "" || lookup {
				r.s.sends = append(r.s.sends, sendAct{file: r.file, line: r.base + e.Line, name: m.Text, host: host, evidence: r.evidence(e.Line), lookup: lookup})
			}
		case lang.Decoded, lang.Socket, lang.Process, lang.Asked:
		}
		if rule == "" {
			continue
		}
		if lookup {
			rule = "flow.dns"
		}
		r.over(rule, e)
		if m.Line > 0 {
			r.found(rule, m.Line)
		}
		if m.From == lang.File {
			r.inData(m.Text)
		}
	}
}

// secretProgram reports a command whose output is a secret.
func (r *program) secretProgram(cmd string) bool {
	probe := &scan{files: nil, byPath: map[string]*File{}, manifest: newManifest(), rows: r.s.rows, depth: 1}
	probe.shell("x", 0, strings.ReplaceAll(cmd, lang.Hole, "UNKNOWN")+" | curl -d @- https://h/", false)
	return slices.ContainsFunc(probe.findings, func(f Finding) bool { return strings.HasPrefix(f.Rule, "flow.") })
}

// writes judges what a program writes where.
func (r *program) writes(e *lang.Event) {
	for _, t := range e.Texts {
		if rule := writeRule(placeOf(t)); rule != "" && !r.s.holdsFile(strings.TrimPrefix(t, "./")) {
			r.found(rule, e.Line)
			r.origins(rule, e, lang.File)
		}
		if has(e.Marks, lang.Network) && programName(t) {
			r.found("exec.fetched", e.Line)
		}
		r.s.manifest.path(t)
	}
	for _, b := range e.Body {
		// Python runs the lines of a .pth file that begin with import.
		if strings.Contains(b, "import ") && slices.ContainsFunc(e.Texts, func(t string) bool { return strings.HasSuffix(t, ".pth") }) {
			r.found("persist.start", e.Line)
			r.origins("persist.start", e, lang.File)
		}
		r.s.embedded(r.file, r.base+e.Line, b)
		if ransom(b) {
			r.found("destroy.encrypt", e.Line)
		}
		if len(b) > 40 {
			r.s.prose(r.file, []line{{b, r.base + e.Line}}, proseHidden)
		}
	}
}

// programName reports a file that is a program by its name.
func programName(p string) bool {
	switch strings.ToLower(path.Ext(p)) {
	case ".py", ".sh", ".js", ".mjs", ".cjs", ".exe", ".ps1", ".bat", ".so", ".dll", ".dylib", ".rb", ".pl":
		return true
	}
	return false
}

// ransom reports a note that asks to pay for one's own files.
func ransom(t string) bool {
	low := strings.ToLower(t)
	return strings.Contains(low, "files") && (strings.Contains(low, "encrypted") || strings.Contains(low, "locked")) && (strings.Contains(low, "@") || strings.Contains(low, "pay") || strings.Contains(low, "btc") || strings.Contains(low, "bitcoin") || strings.Contains(low, "decrypt") || strings.Contains(low, "write to") || strings.Contains(low, "contact"))
}

// together judges what only several deeds show.
func (r *program) together(events []lang.Event) {
	walks, writes, deletes := 0, 0, 0
	dup, starts := 0, 0
	for _, e := range events {
		under := slices.ContainsFunc(e.Texts, func(t string) bool { k := placeOf(t); return k == homeRoot || k == diskRoot })
		switch {
		case e.Do == lang.Reads && under && walks == 0:
			walks = e.Line
		case e.Do == lang.Writes && under:
			writes = e.Line
		case e.Do == lang.Deletes && under:
			deletes = e.Line
		case e.Do == lang.Connects:
			dup = e.Line
		case e.Do == lang.Runs && slices.ContainsFunc(e.Texts, func(t string) bool {
			return strings.Contains(t, "/bin/sh") || strings.Contains(t, "/bin/bash") || strings.Contains(t, "cmd.exe")
		}):
			starts = e.Line
		}
	}
	if walks > 0 && writes > 0 && deletes > 0 {
		for _, l := range []int{walks, writes, deletes} {
			r.found("destroy.encrypt", l)
		}
	}
	if dup > 0 && starts > 0 && strings.Contains(strings.Join(r.lines, "\n"), "-i") {
		r.found("shell.reverse", dup)
	}
	r.guards()
	r.names()
	r.conditions()
}

// guards finds settings of a gateway's guards that a program changes.
func (r *program) guards() {
	text := strings.Join(r.lines, "\n")
	if !strings.Contains(text, "openclaw.json") && !strings.Contains(text, "exec-approvals") {
		return
	}
	for i, l := range r.lines {
		if weakening(l) {
			r.found("tamper.config", i+1)
		}
	}
}

var quotedText = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile("\"(?:[^\"\\\\\n]|\\\\.){12,}\"|'(?:[^'\\\\\n]|\\\\.){12,}'|`[^`]{12,}`")
})

// names finds the lines that name the places of which something is already
// found.
func (r *program) names() {
	about := map[string]bool{}
	for _, f := range r.s.findings {
		if f.File == r.file {
			about[f.Rule] = true
		}
	}
	for i, l := range r.lines {
		if len(l) > 1<<13 || !strings.ContainsAny(l, "\"'`") {
			continue
		}
		for _, m := range shortText().FindAllString(l, 32) {
			k := placeOf(m[1 : len(m)-1])
			rule := writeRule(k)
			if k.secret() {
				rule = "flow.secret"
			}
			if rule != "" && about[rule] {
				r.found(rule, i+1)
			}
		}
	}
}

var (
	shortText = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile("\"[^\"\n]{3,120}\"|'[^'\n]{3,120}'|`[^`\n]{3,120}`") })
	condition = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`\b(?:if|elif|case|when|unless|while|switch)\b.*(?i:\bdate\b|datetime|new Date|Date\.now|time\(|\$\(date|today|hostname|whoami|getuser|getlogin|platform\.node|\buname\b|\$USER\b|\bCI\b|timezone|locale)`)
	})
)

// conditions finds what lets a deed happen only at a time or on a machine.
func (r *program) conditions() { r.s.conditions(r.file, r.base, r.lines) }

func (s *scan) conditions(file string, base int, lines []string) {
	for _, f := range slices.Clone(s.findings) {
		if f.File != file || f.Severity < claw.Critical && f.Rule != "persist.start" {
			continue
		}
		for n := f.Line - base; n >= max(1, f.Line-base-3) && n <= len(lines); n-- {
			if condition().MatchString(lines[n-1]) {
				s.found("exec.condition", file, base+n, lines[n-1])
				if !strings.HasPrefix(f.Rule, "flow.") {
					for m := n + 1; m < f.Line-base; m++ {
						s.found("exec.condition", file, base+m, lines[m-1])
					}
				}
				break
			}
		}
	}
}

// inData finds the pieces of a path in the data files of the skill, when the
// program does not name it.
func (r *program) inData(p string) {
	tail := path.Base(p)
	if len(tail) < 4 || !pieced(r.lines, tail) {
		return
	}
	for i := range r.s.files {
		f := &r.s.files[i]
		if !strings.HasSuffix(f.Path, ".json") || len(f.Data) > 1<<18 || pieced(r.lines, path.Base(f.Path)) {
			continue
		}
		for n, l := range strings.Split(string(f.Data), "\n") {
			for _, m := range quotedPiece().FindAllString(l, 200) {
				if len(m) > 4 && strings.Contains(p, m[1:len(m)-1]) {
					r.s.found("exec.pieces", f.Path, n+1, l)
					r.s.found("exec.pieces", r.file, r.base+r.lineWith("path."), r.evidence(r.lineWith("path.")))
					break
				}
			}
		}
	}
}

func (r *program) lineWith(t string) int {
	for i, l := range r.lines {
		if strings.Contains(l, t) && (strings.Contains(l, "join") || strings.Contains(l, "resolve")) {
			return i + 1
		}
	}
	return 1
}

var quotedPiece = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`"[^"]{2,40}"`) })

// literals looks at texts that a program carries: lines of shell that it may
// start in ways that are not followed, orders, credentials.
func (r *program) literals(l lang.Language) {
	for i, x := range r.lines {
		if len(x) > 1<<15 || !strings.ContainsAny(x, "\"'`") {
			continue
		}
		for _, m := range quotedText().FindAllString(x, 64) {
			r.s.pools(r.file, r.base+i+1, m)
			if pipedToShell(m) {
				r.s.embedded(r.file, r.base+i+1, m[1:len(m)-1])
			}
			if strings.Contains(m, "/dev/tcp/") || strings.Contains(m, "/bin/sh -i") && strings.Contains(x, "exec") && strings.Contains(x, "ocket") {
				r.s.embedded(r.file, r.base+i+1, m[1:len(m)-1])
			}
		}
		if strings.Contains(x, "sockaddr_in") && strings.Contains(x, "exec") || strings.Contains(x, "fsockopen") && strings.Contains(x, "exec") {
			r.found("shell.reverse", i+1)
		}
		if rule := tlsOff(x); rule != "" {
			r.found(rule, i+1)
		}
	}
}

// pipedToShell reports a text that downloads into a shell.
func pipedToShell(t string) bool {
	i := strings.IndexByte(t, '|')
	return i > 0 && hasAny(t[:i], "curl ", "wget ", "fetch ", "base64 ") && hasAny(t[i:], "sh", "python", "perl", "node", "ruby")
}

// tlsOff finds certificate checks that are switched off.
func tlsOff(l string) string {
	for _, m := range [...]string{"verify=False", "rejectUnauthorized: false", "NODE_TLS_REJECT_UNAUTHORIZED = '0'", `NODE_TLS_REJECT_UNAUTHORIZED = "0"`, "_create_unverified_context", "CERT_NONE", "InsecureSkipVerify: true", "VERIFY_NONE"} {
		if strings.Contains(l, m) {
			return "net.unverified"
		}
	}
	return ""
}
