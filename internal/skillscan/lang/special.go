package lang

import "strings"

// special are calls that give a name, a variable, a path or a text.
func (p *parser) special(name string, recv value, args []value, line int) (value, bool) {
	arg := func(i int) string { return first(argTexts(args, i)) }
	switch name {
	case "require", "__import__", "import":
		mod := module(arg(0))
		if name == "import" && (strings.HasPrefix(mod, "data:") || mod == "" || strings.Contains(mod, Hole)) {
			ev := Event{Do: Evals, Line: line, Name: "import", Texts: argTexts(args, 0)}
			if len(args) > 0 {
				ev.Marks = args[0].all()
			}
			p.event(ev)
		}
		if strings.HasSuffix(mod, ".json") && p.load != nil {
			if s, ok := p.load(mod); ok {
				return constant(s), true
			}
		}
		p.event(Event{Do: Loads, Line: line, Name: mod})
		v := value{name: mod}
		if len(args) > 0 {
			v.marks = args[0].all()
		}
		return v, true
	case "getattr":
		if len(args) > 1 && args[0].name != "" && arg(1) != "" {
			return p.member(args[0], arg(1)), true
		}
	case "vars", "globals", "locals":
		if len(args) == 0 {
			return value{name: "builtins"}, true
		}
		return args[0], true
	case "os.getenv", "os.environ.get", "os.environ.pop", "process.env.get", "Deno.env.get", "ENV.fetch", "getenv", "os.Getenv", "System.getenv", "std.env.var", "env.var", "os.environ.setdefault":
		if arg(0) == "HOME" || arg(0) == "USERPROFILE" {
			return text("~"), true
		}
		if len(args) == 0 {
			return value{marks: []Mark{{Environment, "", line}}}, true
		}
		p.event(Event{Do: Sees, Line: line, Name: arg(0)})
		out := value{marks: []Mark{{Variable, arg(0), line}}}
		if len(args) > 1 {
			out.texts = args[1].texts
		}
		return out, true
	case "Deno.env.toObject", "std.env.vars", "os.Environ":
		return value{marks: []Mark{{Environment, "", line}}}, true
	case "os.homedir", "homedir", "pathlib.Path.home", "Path.home", "Dir.home", "Deno.homeDir", "os.UserHomeDir", "app.getPath":
		return text("~"), true
	case "os.path.expanduser", "os.path.abspath", "os.path.realpath", "os.path.normpath", "os.path.expandvars", "os.fspath", "str", "String", "bytes", "bytearray", "pathlib.Path", "Path", "pathlib.PurePath", "path.normalize", "path.resolve", "File.expand_path", "untildify", "os.path.dirname", "path.dirname", "list", "tuple", "set", "dict", "sorted", "Array.from", "compile", "memoryview", "io.BytesIO", "io.StringIO", "Promise.resolve", "Object.freeze", "encodeURIComponent", "encodeURI", "URI", "URL()", "Path()", "iter", "next":
		if len(args) == 0 {
			return value{marks: recv.marks}, true
		}
		out := args[0]
		for _, a := range args[1:] {
			if name == "path.resolve" || strings.HasPrefix(name, "pathlib.") || name == "Path" {
				out = p.joinPath(out, a)
			}
		}
		if name == "compile" {
			out.name = "code"
		}
		out.num = false
		return out, true
	case "os.path.join", "path.join", "File.join", "path.posix.join", "join", "filepath.Join", "path.Join":
		if len(args) == 0 {
			return value{}, true
		}
		out := args[0]
		for _, a := range args[1:] {
			out = p.joinPath(out, a)
		}
		return out, true
	}
	return p.built(name, args, line)
}

// built are calls that make a value of others.
func (p *parser) built(name string, args []value, line int) (value, bool) {
	switch name {
	case "String.fromCharCode", "String.fromCodePoint", "chr", "pack":
		out := value{}
		if s, ok := chars(args); ok {
			out.texts = []string{s}
		}
		if len(args) == 1 && len(args[0].elems) == 0 && name == "chr" && len(out.texts) > 0 {
			return out, true
		}
		out.marks = []Mark{{Decoded, "", line}}
		for _, a := range args {
			out.marks = addMarks(out.marks, a.all()...)
		}
		return out, true
	case "map":
		if len(args) > 1 && (args[0].name == "chr" || args[0].name == "String.fromCharCode") {
			out := value{marks: []Mark{{Decoded, "", line}}}
			for _, e := range args[1].elems {
				if s, ok := chars([]value{e}); ok {
					out.elems = append(out.elems, text(s))
				}
			}
			return out, len(out.elems) > 0
		}
	case "Object.getPrototypeOf":
		return value{name: "prototype"}, true
	case "json.load", "json.loads", "JSON.parse", "yaml.safe_load", "tomllib.load", "json.decode":
		if len(args) > 0 {
			return p.data(args[0]), true
		}
	case "Object.assign", "Object.entries", "Object.values", "Object.keys", "Object.fromEntries", "JSON.stringify", "json.dumps":
		out := value{}
		for _, a := range args {
			out.marks = addMarks(out.marks, a.all()...)
			if len(out.elems) == 0 {
				out.elems, out.keys = a.elems, a.keys
			}
		}
		return out, true
	}
	return value{}, false
}

// data is what a data file holds, when it is at hand.
func (p *parser) data(v value) value {
	out := value{marks: v.all()}
	if p.load != nil {
		for _, m := range v.marks {
			if m.From == File && m.Text != "" {
				if s, ok := p.load(m.Text); ok {
					c := constant(s)
					c.marks = addMarks(c.marks, out.marks...)
					return c
				}
			}
		}
	}
	for _, t := range v.texts {
		if c := constant(t); len(c.elems) > 0 {
			return c
		}
	}
	return out
}

// fold works out what methods of texts and lists give.
func (p *parser) fold(name, last string, recv value, args []value, out value) (value, bool) {
	switch last {
	case "join":
		src := recv
		sep := ""
		if p.lang == Python {
			sep = first(recv.texts)
			if len(args) > 0 {
				src = args[0]
			}
		} else if len(args) > 0 {
			sep = first(args[0].texts)
		} else {
			sep = ","
		}
		if len(src.elems) == 0 || len(src.elems) > maxElems {
			return value{marks: out.marks, texts: src.texts}, len(src.texts) > 0
		}
		var b strings.Builder
		for i, e := range src.elems {
			if i > 0 {
				b.WriteString(sep)
			}
			if len(e.texts) == 0 {
				b.WriteString(Hole)
			} else {
				b.WriteString(e.texts[0])
			}
			if b.Len() > maxText {
				return value{}, false
			}
		}
		return text(b.String()), true
	case "joinpath", "with_name", "with_suffix", "resolve", "expanduser", "absolute", "toString", "decode", "encode", "strip", "trim", "rstrip", "lstrip", "trimEnd", "rstrip()", "text", "json", "read", "readlines", "splitlines", "lower", "upper", "toLowerCase", "hex", "digest", "flat", "slice", "chomp", "to_s", "valueOf", "concat", "as_posix", "open", "ReadToEnd", "body", "copy", "arrayBuffer", "blob":
		v := recv
		if last == "open" && len(recv.texts) > 0 && recv.name == "" {
			ev := Event{Do: Reads, Line: p.peek(-1).line, Name: ".open", Texts: recv.texts, Marks: out.marks}
			if m := first(argTexts(args, 0)); m != "" && strings.ContainsAny(m, "wax+") {
				ev.Do = Writes
			}
			p.event(ev)
			out := value{name: "open()"}
			for _, t := range recv.texts {
				out.marks = addMarks(out.marks, Mark{File, t, ev.Line})
			}
			return out, true
		}
		if last == "joinpath" || last == "concat" && len(recv.texts) > 0 {
			for _, a := range args {
				if last == "joinpath" {
					v = p.joinPath(v, a)
				} else {
					v = p.concat(v, a)
				}
			}
		}
		if recv.name != "" && len(recv.texts) == 0 && len(recv.elems) == 0 {
			return value{}, false
		}
		v.name, v.num = "", false
		return v, true
	case "format":
		if len(recv.texts) > 0 {
			return p.format(recv, value{elems: args}), true
		}
	}
	return p.reshape(last, recv, args)
}

// reshape works out what methods make of the parts of texts and lists.
func (p *parser) reshape(last string, recv value, args []value) (value, bool) {
	switch last {
	case "replace", "replaceAll", "gsub", "sub", "translate":
		if len(recv.texts) > 0 && len(args) > 1 && len(args[0].texts) > 0 && args[0].texts[0] != "" && len(args[1].texts) > 0 {
			return text(strings.ReplaceAll(recv.texts[0], args[0].texts[0], args[1].texts[0])), true
		}
		if len(recv.texts) > 0 {
			return value{texts: recv.texts}, true
		}
	case "split":
		if len(recv.texts) > 0 && len(args) > 0 && len(args[0].texts) > 0 {
			v := value{}
			for _, s := range strings.SplitN(recv.texts[0], args[0].texts[0], 1024) {
				v.elems = append(v.elems, text(s))
			}
			return v, true
		}
	case "reverse", "reversed":
		src := recv
		if len(args) > 0 {
			src = args[0]
		}
		if len(src.elems) > 0 {
			v := value{marks: src.marks}
			for i := len(src.elems) - 1; i >= 0; i-- {
				v.elems = append(v.elems, src.elems[i])
			}
			return v, true
		}
		return sliced(src, true), len(src.texts) > 0
	case "map", "filter", "forEach", "flatMap", "each", "then", "on", "once", "find", "reduce", "sort":
		for _, a := range args {
			if a.fn != nil && a.fn.sc != nil {
				for i, n := range a.fn.params {
					v := p.each(recv)
					if i > 0 {
						v = value{marks: recv.all()}
					}
					v.marks = addMarks(v.marks, recv.all()...)
					a.fn.sc.set(n, v)
				}
				if last == "map" || last == "flatMap" || last == "then" {
					r := a.fn.ret
					r.marks = addMarks(r.marks, recv.all()...)
					if last == "then" {
						return r, true
					}
					return value{marks: r.all(), elems: []value{r}}, true
				}
			}
		}
		return value{elems: recv.elems, keys: recv.keys, texts: recv.texts, name: recv.name, marks: recv.marks}, true
	}
	return value{}, false
}
