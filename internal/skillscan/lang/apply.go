package lang

import (
	"slices"
	"strings"
)

// named is the value of a name that nothing defined.
func (p *parser) named(name string, line int) value {
	v := value{name: canonical(name)}
	if everything(v.name) {
		v.marks = []Mark{{Environment, "", line}}
	}
	return v
}

// member is a field, method or element of a value by its name.
func (p *parser) member(v value, name string) value {
	line := p.peek(-1).line
	if v.name != "" {
		if x, ok := p.sc.get(v.name + "." + name); ok && !everything(v.name) {
			return x
		}
	}
	for i, k := range v.keys {
		if k == name {
			return v.elems[i]
		}
	}
	if everything(v.name) {
		switch name {
		case "items", "keys", "values", "copy", "get", "pop", "setdefault", "fetch", "to_h", "to_json", "each", "map", "update":
		case "HOME", "USERPROFILE":
			return text("~")
		case "APPDATA":
			return text("~/AppData/Roaming")
		case "LOCALAPPDATA":
			return text("~/AppData/Local")
		default:
			p.event(Event{Do: Sees, Line: line, Name: name})
			return value{marks: []Mark{{Variable, name, line}}}
		}
	}
	full := canonical(v.name + "." + name)
	out := value{name: full, marks: v.all(), of: &v}
	if everything(full) {
		out.marks = []Mark{{Environment, "", line}}
	}
	if secretField(name) && slices.ContainsFunc(v.marks, func(m Mark) bool { return m.From == File }) {
		out.marks = addMarks(out.marks, Mark{Fields, name, line})
	}
	return out
}

// secretField names the fields of a file that hold a secret.
func secretField(name string) bool {
	switch strings.ToLower(name) {
	case "seed", "phrase", "mnemonic", "private_key", "privatekey", "seed_phrase", "recovery_phrase", "password", "passphrase", "secret_key", "secretkey":
		return true
	}
	return false
}

// apply calls a value.
func (p *parser) apply(v value, args []value, names []string, line int) value {
	if v.fn != nil {
		return p.callFunction(v.fn, args)
	}
	name := canonical(v.name)
	last := name[strings.LastIndexByte(name, '.')+1:]
	recv := value{}
	if v.of != nil {
		recv = *v.of
	}
	if last == "call" || last == "apply" || last == "bind" {
		if v.of != nil && v.of.name != "" && len(args) > 0 && !network(strings.Split(name, ".")[0]) {
			return p.apply(*v.of, args[1:], nil, line)
		}
	}
	if out, ok := p.special(name, recv, args, line); ok {
		return out
	}
	out := value{name: name + "()", marks: slices.Clip(v.marks)}
	for _, a := range args {
		out.marks = addMarks(out.marks, a.all()...)
	}
	e, known := calls(name)
	if known && (name == "exec" || last == "exec") && p.lang == JavaScript && !strings.HasPrefix(name, "child_process") {
		known = false
	}
	if !known && name == "exec" {
		switch p.lang {
		case Python:
			e, known = entry{do: Evals}, true
		case Ruby, PHP, Perl:
			e, known = entry{do: Runs, mark: Program}, true
		case None, JavaScript, Lua, PowerShell, Other:
		}
	}
	if !known && (name == "load" || name == "assert") && (p.lang == Lua || p.lang == PHP) {
		e, known = entry{do: Evals}, true
	}
	if known && e.do == Sends && strings.HasPrefix(name, ".") || known && (last == "post" || last == "send") && strings.HasPrefix(first(argTexts(args, 0)), "/") { // a route of a server, not a request
		known = !strings.HasPrefix(first(argTexts(args, 0)), "/")
	}
	if known {
		return p.deed(e, name, recv, args, names, line, out)
	}
	if folded, ok := p.fold(name, last, recv, args, out); ok {
		folded.marks = addMarks(folded.marks, out.marks...)
		p.callbacks(args, folded)
		return folded
	}
	if last == "write" && len(recv.marks) > 0 && strings.HasSuffix(name, "open().write") {
		for _, m := range recv.marks {
			if m.From == File {
				p.keep([]string{m.Text}, args)
				p.event(Event{Do: Writes, Line: line, Name: name, Texts: []string{m.Text}, Body: argTexts(args, 0), Marks: out.marks})
				break
			}
		}
	}
	if changes(last) && recv.src != "" && len(out.marks) > 0 {
		p.put(recv.src, value{marks: out.marks})
	}
	if last == "pipe" {
		p.event(Event{Do: Binds, Line: line, Name: name, Marks: out.marks})
	}
	p.callbacks(args, out)
	return out
}

// changes reports a method that puts its arguments into what it belongs to.
func changes(method string) bool {
	for _, w := range [...]string{"push", "append", "extend", "update", "add", "set", "insert", "attach", "write", "unshift"} {
		if strings.HasPrefix(method, w) {
			return true
		}
	}
	return false
}

// callFunction gives parameters their values.
func (p *parser) callFunction(f *function, args []value) value {
	var marks []Mark
	for i, a := range args {
		marks = addMarks(marks, a.all()...)
		if i < len(f.params) && f.sc != nil {
			f.sc.set(f.params[i], a)
		}
	}
	out := f.ret
	if len(out.texts) == 0 && len(out.elems) == 0 && len(out.marks) == 0 && out.name == "" && out.fn == nil {
		out.marks = marks
	}
	return out
}

// callbacks hands a result to the functions that are given with it.
func (p *parser) callbacks(args []value, out value) {
	for _, a := range args {
		if a.fn == nil || a.fn.sc == nil {
			continue
		}
		for _, n := range a.fn.params {
			a.fn.sc.set(n, value{marks: out.marks, name: a.fn.sc.vars[n].name})
		}
	}
}

func argTexts(args []value, i int) []string {
	if i >= 0 && i < len(args) {
		return args[i].texts
	}
	return nil
}

// keep notes the files that hold what was downloaded.
func (p *parser) keep(files []string, args []value) {
	for _, a := range args {
		for _, m := range a.all() {
			if m.From != Network {
				continue
			}
			for _, f := range files {
				if len(p.fetched) < 256 && len(f) > 1 {
					p.fetched[f] = m
				}
			}
		}
	}
}

// deed notes what a call does.
func (p *parser) deed(e entry, name string, recv value, args []value, names []string, line int, out value) value {
	ev := Event{Do: e.do, Line: line, Name: name, Marks: out.marks}
	if e.at < 0 {
		ev.Texts = recv.texts
	} else {
		ev.Texts = argTexts(args, e.at)
	}
	last := name[strings.LastIndexByte(name, '.')+1:]
	switch e.do {
	case Runs:
		ev.Texts, ev.Body, ev.Marks = commandLine(args, names)
		for _, t := range ev.Texts {
			for w := range strings.FieldsSeq(t) {
				if m, ok := p.fetched[strings.Trim(w, `'"`)]; ok {
					ev.Marks = addMarks(ev.Marks, m)
				}
			}
		}
		if n := len(ev.Texts); n > 0 && shellPath(ev.Texts[0]) {
			out.marks = addMarks(out.marks, Mark{Process, ev.Texts[0], line})
		}
	case Sends:
		if last == "urlretrieve" || last == "DownloadFile" || last == "download" {
			p.keep(argTexts(args, 1), []value{{marks: []Mark{{Network, first(ev.Texts), line}}}})
		}
		if len(ev.Texts) == 0 || last == "request" && len(args) > 1 {
			ev.Texts = addressOf(recv, args)
		}
	case Evals:
		if (name == "setTimeout" || name == "setInterval") && (len(args) == 0 || args[0].fn != nil || len(args[0].texts) == 0 && len(args[0].marks) == 0) {
			p.callbacks(args, out)
			return out
		}
		if strings.HasPrefix(name, "Function") && len(args) > 0 {
			ev.Texts = args[len(args)-1].texts
		}
		p.event(ev)
		return out
	case Reads:
		if last == "iterdir" || last == "glob" || last == "rglob" || last == "walk" || last == "listdir" || strings.HasPrefix(last, "readdir") {
			var below []string
			for _, t := range ev.Texts {
				below = append(below, strings.TrimSuffix(t, "/")+"/*")
			}
			out.texts, out.elems = below, nil
		}
		p.reads(&ev, last, args, names)
	case Writes:
		p.keep(ev.Texts, args)
		ev.Body = argTexts(args, 1+min(e.at, 0))
	case Fetches, Resolves, Deletes, Connects, Binds, Watches, Sees, Loads:
	}
	if e.pure {
		out.texts = ev.Texts
		if e.mark == Decoded {
			out.texts = decoded(name, args)
		}
		if e.mark != 0 && (e.mark != Decoded || !plainCopy(name, args)) {
			out.marks = addMarks(out.marks, Mark{e.mark, first(ev.Texts), line})
		}
		return out
	}
	p.event(ev)
	if e.mark != 0 {
		texts := ev.Texts
		if len(texts) == 0 {
			texts = []string{""}
		}
		out.marks = slices.Clip(out.marks)
		for _, t := range texts {
			out.marks = addMarks(out.marks, Mark{e.mark, t, line})
			if e.mark == File {
				for _, from := range p.copies[t] {
					out.marks = addMarks(out.marks, Mark{File, from, line})
				}
			}
		}
	}
	p.callbacks(args, out)
	return out
}

// reads notes the target of a copy, and an opening to write.
func (p *parser) reads(ev *Event, last string, args []value, names []string) {
	switch {
	case strings.HasPrefix(last, "copy") || last == "move" || strings.HasPrefix(last, "cp") || strings.HasPrefix(last, "rename") || last == "replace" || strings.HasPrefix(last, "symlink") || last == "link":
		if len(args) > 1 {
			p.event(Event{Do: Writes, Line: ev.Line, Name: ev.Name, Texts: args[1].texts, Marks: ev.Marks})
			for _, to := range args[1].texts {
				if len(to) > 1 && len(p.copies) < 256 {
					p.copies[to] = addTexts(p.copies[to], ev.Texts)
				}
			}
		}
	case last == "open" || last == "fopen" || strings.HasPrefix(last, "openSync"):
		mode := ""
		for i, a := range args {
			if named := i < len(names) && names[i] == "mode"; (named || i == 1) && len(a.texts) > 0 {
				mode = a.texts[0]
			}
		}
		if strings.ContainsAny(mode, "wax+") && len(mode) < 5 {
			ev.Do = Writes
		}
	}
}

// plainCopy: Buffer.from of what is no code in letters.
func plainCopy(name string, args []value) bool {
	if name != "Buffer.from" {
		return false
	}
	if len(args) > 1 && len(args[1].texts) > 0 {
		return args[1].texts[0] != "base64" && args[1].texts[0] != "hex" && args[1].texts[0] != "base64url"
	}
	return true
}

func decoded(name string, args []value) []string {
	if len(args) == 0 {
		return nil
	}
	if plainCopy(name, args) {
		if s, ok := chars(args[:1]); ok {
			return []string{s}
		}
		return args[0].texts
	}
	var out []string
	for _, t := range args[0].texts {
		if strings.Contains(t, Hole) {
			continue
		}
		if len(args) > 1 && len(args[1].texts) > 0 && strings.Contains(args[1].texts[0], "rot") || name == "str_rot13" {
			out = append(out, rot13(t))
			continue
		}
		if s, ok := Decode(t); ok {
			out = append(out, s)
		}
	}
	return out
}

func rot13(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return 'a' + (r-'a'+13)%26
		case r >= 'A' && r <= 'Z':
			return 'A' + (r-'A'+13)%26
		}
		return r
	}, s)
}

func shellPath(cmd string) bool {
	w, _, _ := strings.Cut(strings.TrimSpace(cmd), " ")
	w = w[strings.LastIndexAny(w, `/\`)+1:]
	switch strings.TrimSuffix(strings.Trim(w, "'\""), ".exe") {
	case "sh", "bash", "zsh", "dash", "ksh", "cmd", "powershell", "pwsh":
		return true
	}
	return false
}

// commandLine is what a program is started with. Its environment is no part
// of what it is told.
func commandLine(args []value, names []string) (lines, body []string, marks []Mark) {
	var words []string
	for i, a := range args {
		name := ""
		if i < len(names) {
			name = names[i]
		}
		if name == "env" || name == "cwd" {
			continue
		}
		if len(a.keys) > 0 {
			for j, k := range a.keys {
				if k != "env" && k != "cwd" {
					marks = addMarks(marks, a.elems[j].all()...)
				}
				if k == "input" {
					body = addTexts(body, a.elems[j].texts)
				}
			}
			continue
		}
		marks = addMarks(marks, a.all()...)
		switch {
		case name == "input":
			body = addTexts(body, a.texts)
		case name != "" && name != "args":
		case len(a.elems) > 0:
			for _, e := range a.elems {
				t := Hole
				if len(e.texts) > 0 {
					t = e.texts[0]
				}
				words = append(words, quote(t))
			}
		case i == 0:
			lines = a.texts
			if len(lines) == 0 {
				lines = []string{Hole}
			}
		case len(a.texts) > 0 && a.fn == nil && !a.num:
			words = append(words, quote(a.texts[0]))
		}
	}
	if len(words) > 0 {
		head := ""
		if len(lines) > 0 {
			head = lines[0] + " "
		}
		lines = []string{head + strings.Join(words, " ")}
	}
	return lines, body, marks
}

func quote(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:=@%+,"+Hole) == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// addressOf finds the host among the arguments of a request.
func addressOf(recv value, args []value) []string {
	for _, a := range args {
		for _, t := range a.texts {
			if strings.Contains(t, "://") {
				return a.texts
			}
		}
		host := ""
		for i, k := range a.keys {
			switch k {
			case "host", "hostname", "url", "uri", "baseURL":
				if len(a.elems[i].texts) > 0 {
					host = a.elems[i].texts[0]
				}
			}
		}
		if host != "" {
			return []string{host}
		}
	}
	for _, m := range recv.marks {
		if m.From == Socket || m.From == Network {
			return []string{m.Text}
		}
	}
	return recv.texts
}
