package cmdline

import (
	"path"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

const maxPaths = 64

// stream names what a path stands for when it is one of the open streams:
// "0" for standard input, "" when it is not a stream.
func stream(p string) string {
	switch p {
	case "/dev/null", "/dev/tty", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom":
		if p == "/dev/null" {
			return "null"
		}
		return ""
	case "/dev/stdin":
		return "0"
	case "/dev/stdout":
		return "1"
	case "/dev/stderr":
		return "2"
	}
	for _, prefix := range []string{"/dev/fd/", "/proc/self/fd/", "/proc/thread-self/fd/"} {
		if n, ok := strings.CutPrefix(p, prefix); ok && n != "" && strings.Trim(n, "0123456789") == "" {
			return n
		}
	}
	return ""
}

// resolve gives the absolute paths that text may stand for: from every
// directory in which the command may run, as plain text and as the kernel
// follows links.
func (a *analyser) resolve(text string, glob bool, bases []string) []string {
	if text == "" {
		return nil
	}
	starts := []string{""}
	if text[0] != '/' {
		starts = bases
	}
	var out []string
	for _, b := range starts {
		full := text
		if b != "" {
			full = strings.TrimSuffix(b, "/") + "/" + text
		}
		if clean := path.Clean(full); !glob && a.linkless(clean) {
			if out == nil {
				out = make([]string, 0, len(starts)+1)
			}
			out = append(out, clean)
		} else {
			out = append(out, a.follow("/", elements(clean), glob, 0)...)
		}
		if a.env.Readlink != nil && strings.Contains(full, "..") || glob || strings.Contains(full, "/proc") {
			out = append(out, a.follow("/", elements(full), glob, 0)...)
		}
	}
	if len(out) > 1 {
		slices.Sort(out)
		out = slices.Compact(out)
	}
	return out
}

// linkless reports an absolute, clean path without a link on it.
func (a *analyser) linkless(p string) bool {
	if p[0] != '/' || a.env.Readlink == nil && !strings.HasPrefix(p, "/proc/") {
		return p[0] == '/'
	}
	for i := 1; i <= len(p); i++ {
		if i == len(p) || p[i] == '/' {
			if _, ok := a.link(p[:i]); ok {
				return false
			}
		}
	}
	return true
}

func elements(p string) []string {
	return strings.FieldsFunc(p, func(r rune) bool { return r == '/' })
}

// follow walks the elements from dir as the kernel does.
func (a *analyser) follow(dir string, rest []string, glob bool, links int) []string {
	for i, e := range rest {
		switch e {
		case ".":
			continue
		case "..":
			dir = path.Dir(dir)
			continue
		}
		if glob && globby(e) {
			return a.followGlob(dir, rest[i:], links)
		}
		next := path.Join(dir, e)
		if glob {
			next = path.Join(dir, unescapeGlob(e))
		}
		target, ok := a.link(next)
		if !ok {
			dir = strings.TrimSuffix(dir, "/") + "/" + e
			continue
		}
		if links++; links > 40 {
			return []string{"/"} // a loop of links: nothing may be assumed
		}
		if strings.HasPrefix(target, "/") {
			dir = "/"
		}
		return a.follow(dir, append(elements(target), rest[i+1:]...), glob, links)
	}
	return []string{dir}
}

func (a *analyser) followGlob(dir string, rest []string, links int) []string {
	e := rest[0]
	out := a.follow(strings.TrimSuffix(dir, "/")+"/"+e, rest[1:], true, links)
	if e[0] == '.' && len(rest) > 1 && GlobsMeet(e, "..") {
		out = append(out, a.follow(path.Dir(dir), rest[1:], true, links)...)
	}
	if a.env.List == nil || links > 8 {
		return out
	}
	names, _ := a.env.List(dir)
	for _, n := range names {
		full := path.Join(dir, n)
		if _, ok := a.link(full); !ok || !GlobsMeet(e, escapeGlob(n)) {
			continue
		}
		if len(out) > maxPaths {
			a.problem(ProblemLimit, "more links than are followed")
			break
		}
		out = append(out, a.follow(dir, append([]string{escapeGlob(n)}, rest[1:]...), true, links+1)...)
	}
	return out
}

// link gives the target of a symbolic link, those of /proc included.
func (a *analyser) link(p string) (string, bool) {
	if rest, ok := strings.CutPrefix(p, "/proc/"); ok {
		e := strings.Split(rest, "/")
		last := e[len(e)-1]
		if len(e) == 2 || len(e) == 4 && e[1] == "task" {
			switch last {
			case "root":
				return "/", true
			case "cwd":
				return a.st.cwds[0], true
			}
		}
	}
	if a.env.Readlink == nil {
		return "", false
	}
	return a.env.Readlink(p)
}

func globby(e string) bool { return strings.ContainsAny(e, "*?[") }

func unescapeGlob(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// use adds a file operand to the command.
func (a *analyser) use(cmd *Command, w Word, access Access, bases []string) {
	if w.Stream {
		return
	}
	if bases == nil {
		bases = a.st.cwds
	}
	for i, text := range w.Values() {
		if text == "" || w.Hole == 0 || stream(text) != "" {
			continue
		}
		glob := w.Glob && i == 0
		u := FileUse{Text: Visible(text), Access: access, Glob: glob, Paths: a.resolve(text, glob, bases)}
		if slices.ContainsFunc(u.Paths, func(p string) bool { return stream(p) == "" }) {
			cmd.Files = append(cmd.Files, u)
		}
	}
}

// uses adds an operand given as plain text.
func (a *analyser) useText(cmd *Command, w Word, text string, access Access, bases []string) {
	if strings.HasPrefix(text, "~/") || text == "~" { // some programs expand it themselves
		text = a.env.Home + text[1:]
	}
	v := w
	v.Text, v.Alts = text, nil
	if v.Hole > 0 {
		v.Hole = max(1, min(v.Hole, len(text)))
	}
	a.use(cmd, v, access, bases)
}

var diskPatterns = []string{"sd*", "hd*", "vd*", "xvd*", "nvme*", "mmcblk*", "loop*", "dm-*", "sg*", "mem", "kmem", "port", "md*", "nbd*", "zd*", "rdisk*", "disk[0-9]*"}

// rawDisk reports whether a path may be a raw disk.
func rawDisk(p string, glob bool) bool {
	rest, ok := strings.CutPrefix(p, "/dev/")
	if !ok {
		if !glob {
			return false
		}
		e := elements(p)
		if len(e) < 2 || !globby(e[0]) || !GlobsMeet(e[0], "dev") {
			return false
		}
		rest = strings.Join(e[1:], "/")
	}
	first, below, _ := strings.Cut(rest, "/")
	if !glob {
		first = escapeGlob(first)
	}
	for _, d := range diskPatterns {
		if GlobsMeet(first, d) {
			return true
		}
	}
	return below != "" && (GlobsMeet(first, "mapper") && below != "control" || GlobsMeet(first, "disk") || GlobsMeet(first, "block"))
}

// disks lists the raw disks among the values of a word.
func (a *analyser) disks(w Word) []string {
	var out []string
	for i, text := range w.Values() {
		if w.Stream || text == "" {
			continue
		}
		glob := w.Glob && i == 0
		for _, p := range a.resolve(text, glob, a.st.cwds) {
			if rawDisk(p, glob) && !slices.Contains(out, p) {
				out = append(out, p)
			}
		}
	}
	return out
}

// wrote looks up what the line itself wrote at any of these paths.
func (a *analyser) wrote(paths []string) Origin {
	var from Origin
	for _, p := range paths {
		glob := globby(p)
		for _, w := range a.written {
			cost := 1
			if glob {
				cost = 32 + len(p) + len(w.path)
			}
			if !a.spend(cost) {
				return OriginOutput
			}
			if p == w.path || w.tree && below(p, w.path) || glob && GlobsMeet(p, escapeGlob(w.path)) {
				from = max(from, w.from)
			}
		}
	}
	return from
}

func below(p, dir string) bool {
	return dir == "/" || strings.HasPrefix(p, dir) && (len(p) == len(dir) || p[len(dir)] == '/')
}

func (a *analyser) writes(w Word, from Origin, tree bool) {
	if w.Hole == 0 || w.Stream {
		return
	}
	for i, text := range w.Values() {
		for _, p := range a.resolve(text, w.Glob && i == 0, a.st.cwds) {
			if stream(p) == "" {
				a.written = append(a.written, written{path: p, tree: tree, from: from})
			}
		}
	}
}

// redirect notes a redirection; input comes from c.input afterwards. files
// are the ones that the command's output goes to, moved whether it leaves
// standard output.
func (a *analyser) redirect(r *syntax.Redirect, c *ctx) (files []string, moved bool) {
	fd := ""
	if r.N != nil {
		fd = r.N.Value
	}
	if name, ok := strings.CutPrefix(fd, "{"); ok { // the shell puts the number there
		a.assign(Assignment{Name: strings.TrimSuffix(name, "}"), Loop: true})
		fd = "9"
	}
	switch r.Op {
	case syntax.Hdoc, syntax.DashHdoc:
		w := a.heredoc(r)
		if fd == "" || fd == "0" {
			c.input = constant(w, "")
		}
		return nil, false
	case syntax.WordHdoc:
		w := a.joined(r.Word)
		if fd == "" || fd == "0" {
			c.input = constant(w, "\n")
		}
		return nil, false
	case syntax.DplIn, syntax.DplOut:
		w := a.joined(r.Word)
		if d := strings.TrimSuffix(w.Text, "-"); w.Known && strings.Trim(d, "0123456789") == "" {
			if r.Op == syntax.DplIn && (fd == "" || fd == "0") && d != "0" {
				c.input = Source{Origin: OriginUnknown}
			}
			return nil, r.Op == syntax.DplOut && (fd == "" || fd == "1") && d != "1"
		}
		return a.target(r, fd, w, c)
	case syntax.RdrOut, syntax.AppOut, syntax.RdrIn, syntax.RdrInOut, syntax.RdrClob, syntax.AppClob,
		syntax.RdrAll, syntax.RdrAllClob, syntax.AppAll, syntax.AppAllClob:
		ws := a.word(r.Word)
		if len(ws) > 1 {
			a.problem(ProblemSyntax, "a redirection to more than one file")
		}
		for _, w := range ws {
			f, m := a.target(r, fd, w, c)
			files, moved = append(files, f...), moved || m
		}
		return files, moved
	}
	a.problem(ProblemSyntax, "a redirection that is not analysed")
	return nil, false
}

func (a *analyser) target(r *syntax.Redirect, fd string, w Word, c *ctx) (files []string, moved bool) {
	in := r.Op == syntax.RdrIn || r.Op == syntax.DplIn
	out := Redirect{Line: a.at, Op: fd + r.Op.String(), Unknown: !w.Known, FileUse: FileUse{Text: Visible(w.Text), Glob: w.Glob}}
	if !in {
		out.Access = Write
	}
	if (in || r.Op == syntax.RdrInOut) && (fd == "" || fd == "0") {
		c.input = a.fileSource(w, c.input)
	}
	moved = !in && r.Op != syntax.RdrInOut && (fd == "" || fd == "1")
	if w.Stream {
		return nil, moved
	}
	for i, text := range w.Values() {
		s := stream(text)
		if s == "1" && fd != "2" {
			moved = false
		}
		if text == "" || w.Hole == 0 || s != "" {
			continue
		}
		glob := w.Glob && i == 0
		for _, p := range a.resolve(text, glob, a.st.cwds) {
			if stream(p) != "" {
				continue
			}
			out.Paths = append(out.Paths, p)
			out.RawDisk = out.RawDisk || out.Access == Write && rawDisk(p, glob)
		}
	}
	if len(out.Paths) > 0 || out.Unknown {
		a.facts.Redirects = append(a.facts.Redirects, out)
	}
	if moved {
		files = out.Paths
	}
	return files, moved
}

// fileSource is what reading w gives; stdin stays what it was.
func (a *analyser) fileSource(w Word, stdin Source) Source {
	switch {
	case w.Stream:
		return w.src
	case stream(w.Text) == "0":
		return stdin
	case stream(w.Text) == "null":
		return Source{Origin: OriginConstant}
	case !w.Known && w.Hole == 0:
		return Source{Origin: max(OriginUnknown, w.From), Programs: w.src.Programs}
	}
	var paths []string
	for i, text := range w.Values() {
		paths = append(paths, a.resolve(text, w.Glob && i == 0, a.st.cwds)...)
		if strings.HasPrefix(text, "/dev/tcp/") || strings.HasPrefix(text, "/dev/udp/") {
			return Source{Origin: OriginDownload, Programs: []string{"/dev/tcp"}}
		}
	}
	if from := a.wrote(paths); from != OriginNone {
		return Source{Origin: from, paths: paths}
	}
	return Source{Origin: OriginFile, paths: paths}
}

func constant(w Word, end string) Source {
	if w.Hole >= 0 || w.From > OriginConstant {
		return Source{Origin: max(OriginUnknown, w.From), Programs: w.src.Programs, text: w.Text}
	}
	return Source{Origin: OriginConstant, text: w.Text + end}
}

// heredoc expands the body of a here-document.
func (a *analyser) heredoc(r *syntax.Redirect) Word {
	if r.Hdoc == nil {
		return Word{Known: true, Hole: -1}
	}
	verbatim := false
	for _, p := range r.Word.Parts {
		if l, ok := p.(*syntax.Lit); !ok || strings.Contains(l.Value, `\`) {
			verbatim = true
		}
	}
	var v variant
	for _, p := range r.Hdoc.Parts {
		if l, ok := p.(*syntax.Lit); ok {
			f := frag{text: l.Value, quoted: true, known: true}
			if !verbatim {
				f.text = unescapeDouble(l.Value)
			}
			v = append(v, f)
			continue
		}
		v = append(v, a.part(p, true)[0]...)
	}
	return join(v)
}
