package gate

import (
	"path"
	"slices"
	"strings"

	"github.com/openclaw-go/openclaw/internal/cmdline"
	"github.com/openclaw-go/openclaw/internal/files"
)

// reachOf tells what of its ground a command line can read. Programs that read
// nothing but their operands read those; any other may read whatever it can.
// A line that was not understood is read by such a one.
func reachOf(line *cmdline.Facts, g files.Ground) files.Reach {
	all := files.Reach{All: true}
	if line == nil || !line.Understood || len(line.Functions) > 0 {
		return all
	}
	var r files.Reach
	for _, a := range line.Assigns {
		if !quietName(a.Name) {
			return all
		}
	}
	for i := range line.Commands {
		paths, ok := operandsOf(&line.Commands[i], g)
		if !ok {
			return all
		}
		r.Paths = append(r.Paths, paths...)
	}
	for _, d := range line.Redirects {
		if d.Unknown {
			return all
		}
		if d.Access == cmdline.Read || strings.Contains(d.Op, ">>") || d.Op == "<>" {
			r.Paths = append(r.Paths, literal(d.FileUse)...) // what is extended keeps its beginning
		}
	}
	for _, p := range r.Paths {
		if !placed(p, g) {
			return all
		}
	}
	return r
}

// operandsOf lists what a command of a plain program reads; ok is false for
// every other program, and when an operand is not known.
func operandsOf(c *cmdline.Command, g files.Ground) (paths []string, ok bool) {
	kind := plainness(c)
	if (c.Steering || slices.Contains(quietWrappers[:], c.Program)) && kind == notPlain {
		kind = readsOperands
	}
	wrapped := slices.ContainsFunc(c.Via, func(v string) bool { return !slices.Contains(quietWrappers[:], v) })
	if kind == notPlain || wrapped || len(c.Inline) > 0 || len(c.Unchecked) > 0 || c.Redefines != "" {
		return nil, false
	}
	if len(c.Argv) == 0 || strings.Contains(c.Argv[0].Text, "/") && !slices.Contains(systemDirs, path.Dir(c.Argv[0].Text)) {
		return nil, false // a file of that name, not the program
	}
	globs := 0
	for _, w := range c.Argv {
		name, _, assigns := strings.Cut(w.Text, "=")
		if !w.Known || assigns && c.Program == "env" && !quietName(name) {
			return nil, false
		}
		if w.Glob {
			globs++
		}
	}
	for _, f := range c.Files {
		if f.Glob {
			globs--
		}
		paths = append(paths, literal(f)...)
	}
	if globs > 0 || kind == listsFolder && len(c.Files) == 0 {
		// Names that the shell fills in, or those of the folder it runs in.
		paths = append(paths, g.Workspace)
	}
	return paths, true
}

// quietName reports whether a variable tells programs nothing about where to
// find code or files.
func quietName(name string) bool {
	return name == strings.ToLower(name) || name == "LANG" || name == "TERM" || name == "NO_COLOR" || strings.HasPrefix(name, "LC_")
}

// literal are the paths of a use; of a pattern the folder that it begins in.
func literal(f cmdline.FileUse) []string {
	if !f.Glob {
		return f.Paths
	}
	out := make([]string, len(f.Paths))
	for i, p := range f.Paths {
		if at := strings.IndexAny(p, `*?[\{`); at >= 0 {
			p = p[:at]
			p = path.Clean(p[:strings.LastIndexByte(p, '/')+1])
		}
		out[i] = p
	}
	return out
}

// systemRoots hold what is the same for every run, or is the run's own.
var systemRoots = [...]string{"/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc", "/dev", "/proc", "/tmp"}

// placed reports whether it is known what an absolute path means to the run:
// below its ground, or below the system. HOME is another one inside.
func placed(p string, g files.Ground) bool {
	in := func(dir string) bool { return p == dir || strings.HasPrefix(p, strings.TrimSuffix(dir, "/")+"/") }
	return in(g.Workspace) || slices.ContainsFunc(g.ReadRoots, in) || slices.ContainsFunc(systemRoots[:], in)
}

// quietWrappers read nothing themselves.
var quietWrappers = [...]string{"env", "timeout", "nice", "ionice", "time", "nohup", "command", "stdbuf", "exec", "builtin"}

// kind is how far it is known what a command reads.
type kind uint8

const (
	notPlain kind = iota
	readsOperands
	listsFolder // the folder that it runs in, when it has no operand
)

// plainness tells which programs read nothing but the files that they are
// given. What reads configuration, plug-ins, scripts or lists of names is not
// one of them.
func plainness(c *cmdline.Command) kind {
	args := c.Argv
	if len(args) > 0 {
		args = args[1:]
	}
	any := func(f func(string) bool) bool {
		return slices.ContainsFunc(args, func(w cmdline.Word) bool { return f(w.Text) })
	}
	option := func(s string) bool { return len(s) > 1 && s[0] == '-' }
	switch c.Program {
	case "cat", "tac", "head", "tail", "wc", "nl", "od", "xxd", "hexdump", "cut", "sort", "uniq", "tr", "comm", "cmp", "diff", "fold", "fmt", "expand", "unexpand", "paste", "rev",
		"sha256sum", "sha512sum", "sha1sum", "md5sum", "b2sum", "cksum", "stat", "basename", "dirname", "realpath", "readlink",
		"echo", "printf", "pwd", "true", "false", ":", "test", "[", "sleep", "seq", "id", "whoami", "uname", "nproc", "arch", "df", "free",
		"mkdir", "rmdir", "touch", "rm", "mv", "cp", "ln", "chmod", "tee", "cd", "exit", "return", "wait", "export", "which", "type":
		return readsOperands
	case "file", "column", "hostname", "cal", "uptime":
		if !any(option) {
			return readsOperands
		}
	case "date":
		if !any(func(s string) bool { return s == "" || s[0] != '+' && s != "-u" && s != "-R" && s != "-I" }) {
			return readsOperands
		}
	case "ls", "dir", "vdir", "tree", "du", "find":
		return listsFolder
	case "grep", "egrep", "fgrep", "rg":
		deep := any(func(s string) bool { return option(s) && strings.ContainsAny(s, "rRd") })
		if deep || c.Program == "rg" && len(c.Upstream) == 0 {
			return listsFolder
		}
		return readsOperands
	}
	return notPlain
}
