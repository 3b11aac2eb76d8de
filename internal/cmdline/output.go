package cmdline

import (
	"slices"
	"strconv"
	"strings"
)

func downloaders() []string {
	return []string{"curl", "wget", "wget2", "fetch", "aria2c", "axel", "lynx", "w3m", "links", "elinks", "nc", "ncat", "netcat", "socat", "ftp", "tftp", "lftp",
		"sftp", "scp", "http", "https", "httpie", "xh", "curlie", "GET", "lwp-request", "lwp-download", "telnet", "ssh", "rsync", "youtube-dl", "yt-dlp", "gsutil"}
}

// output is what a program writes to its standard output.
func (a *analyser) output(cmd *Command, c ctx) Source {
	args := cmd.Argv[1:]
	switch cmd.Program {
	case "echo":
		return echoed(args)
	case "printf":
		return printed(args)
	case "cat":
		return a.catted(args, c)
	case "tee":
		return c.input
	}
	out := Source{Origin: OriginOutput, Programs: append(slices.Clone(c.input.Programs), cmd.Program)}
	if c.input.Origin == OriginDownload || slices.Contains(downloaders(), cmd.Program) ||
		cmd.Program == "openssl" && len(args) > 0 && args[0].Text == "s_client" {
		out.Origin = OriginDownload
	}
	for _, f := range cmd.Files {
		if a.wrote(f.Paths) == OriginDownload && f.Access == Read {
			out.Origin = OriginDownload
		}
	}
	for _, w := range args {
		if w.Stream && w.src.Origin == OriginDownload {
			out.Origin = OriginDownload
			out.Programs = append(out.Programs, w.src.Programs...)
		}
	}
	out.names = namesOf(cmd, c.input)
	return out
}

// nameKind says whether output lists names that lie inside checked folders.
type nameKind uint8

const (
	namesNone nameKind = iota
	namesLines
	namesZero // NUL-separated
)

// namesOf tells which commands list names found below their operands, which
// are checked as operands of that command.
func namesOf(cmd *Command, in Source) nameKind {
	has := func(want ...string) bool {
		return slices.ContainsFunc(cmd.Argv[1:], func(w Word) bool { return slices.Contains(want, w.Text) })
	}
	letters := func(set string) bool {
		return slices.ContainsFunc(cmd.Argv[1:], func(w Word) bool {
			return len(w.Text) > 1 && w.Text[0] == '-' && w.Text[1] != '-' && strings.ContainsAny(w.Text, set)
		})
	}
	switch cmd.Program {
	case "find":
		switch {
		case has("-printf", "-fprintf", "-exec", "-execdir", "-ok", "-okdir", "-ls", "-files0-from"):
			return namesNone
		case has("-print0"):
			return namesZero
		}
		return namesLines
	case "grep", "egrep", "fgrep":
		switch {
		case letters("lL") || has("--files-with-matches", "--files-without-match"):
			if letters("Z") || has("--null") {
				return namesZero
			}
			return namesLines
		case letters("onbHcz") || has("--only-matching", "--null-data") || in.names != namesLines || len(cmd.Files) > 0:
			return namesNone
		}
		return in.names
	case "sort", "uniq", "head", "tail":
		if len(cmd.Files) > 0 || letters("cz") && in.names == namesLines {
			return namesNone
		}
		if in.names == namesZero && !letters("z") {
			return namesNone
		}
		return in.names
	}
	return namesNone
}

// texts gives the constant values of words, or the origin of what is missing.
func texts(ws []Word) ([]string, Source) {
	out, src := make([]string, 0, len(ws)), Source{Origin: OriginConstant}
	for _, w := range ws {
		if w.Hole >= 0 || w.Glob || w.Stream {
			if from := max(OriginUnknown, w.From); from > src.Origin {
				src.Origin, src.Programs = from, w.src.Programs
			}
		}
		out = append(out, w.Text)
	}
	return out, src
}

func echoed(args []Word) Source {
	ss, src := texts(args)
	nl, escapes := "\n", false
	for len(ss) > 0 && len(ss[0]) > 1 && ss[0][0] == '-' && strings.Trim(ss[0][1:], "neE") == "" {
		if strings.Contains(ss[0], "n") {
			nl = ""
		}
		escapes = escapes || strings.Contains(ss[0], "e")
		ss = ss[1:]
	}
	src.text = strings.Join(ss, " ") + nl
	if escapes {
		src.text = ansiC(src.text)
	}
	return src
}

// printed works out printf with constant words.
func printed(args []Word) Source {
	ss, src := texts(args)
	if len(ss) > 0 && ss[0] == "--" {
		ss = ss[1:]
	}
	if len(ss) == 0 || src.Origin != OriginConstant {
		return src
	}
	format, rest := ansiC(ss[0]), ss[1:]
	var b strings.Builder
	for {
		used := len(rest)
		for i := 0; i < len(format); i++ {
			if format[i] != '%' || i+1 == len(format) {
				b.WriteByte(format[i])
				continue
			}
			i++
			for i < len(format)-1 && strings.IndexByte("-+ #0123456789.", format[i]) >= 0 {
				i++
			}
			arg := ""
			if format[i] != '%' && len(rest) > 0 {
				arg, rest = rest[0], rest[1:]
			}
			switch format[i] {
			case '%':
				b.WriteByte('%')
			case 's', 'q', 'd', 'i', 'u':
				b.WriteString(arg)
			case 'b':
				b.WriteString(ansiC(arg))
			case 'c':
				b.WriteString(arg[:min(1, len(arg))])
			case 'x', 'o', 'X':
				n, _ := strconv.ParseInt(arg, 0, 64)
				b.WriteString(strconv.FormatInt(n, map[byte]int{'x': 16, 'X': 16, 'o': 8}[format[i]]))
			default:
				return Source{Origin: OriginOutput, Programs: []string{"printf"}}
			}
		}
		if len(rest) == 0 || len(rest) == used || b.Len() > maxText {
			break
		}
	}
	src.text = b.String()
	return src
}

// catted is the input, or the files themselves.
func (a *analyser) catted(args []Word, c ctx) Source {
	var out Source
	files := false
	for _, w := range args {
		if strings.HasPrefix(w.Text, "-") && w.Text != "-" {
			continue
		}
		files = true
		if w.Text == "-" {
			out = out.then(c.input)
			continue
		}
		out = out.then(a.fileSource(w, c.input))
	}
	if !files {
		return c.input
	}
	return out
}
