package skillscan

import (
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/openclaw-go/openclaw/internal/skillscan/lang"
)

// What is followed badly is still seen: a program that names the place of a
// secret and reaches another machine does not need to be understood.

// crossPatterns are what programs name; they are built when the first is looked
// for.
type crossPatterns struct {
	pathWord, reaches, gains, runnable, startsAny, keyboard, descriptors, connects, shellName *regexp.Regexp
}

var crossing = sync.OnceValue(func() crossPatterns {
	return crossPatterns{
		pathWord:    regexp.MustCompile(`(?:~|\$HOME|%USERPROFILE%)?[/\\.][A-Za-z0-9_.*\\/-]{3,80}`),
		reaches:     regexp.MustCompile(`Net::HTTP[.:](?:post|start|get|Post)|HTTParty\.|RestClient\.|Faraday|LWP::|HTTP::Tiny|IO::Socket|file_get_contents\(\s*["']https?:|curl_setopt|curl_exec|fsockopen|http\.(?:Post|Get|NewRequest|request|post)\(|reqwest::|ureq::|hyper::|socket\.http|requests\.(?:post|put)\(|\.(?:urlopen|sendall|sendto)\b|fetch\(\s*["'\x60]https?:|axios\.(?:post|put)|URLSession|HttpClient|TcpStream|TCPSocket|DownloadString|UploadString|net\.Dial|createConnection\(`),
		gains:       regexp.MustCompile(`http\.Get\(|URI\.open|Net::HTTP|file_get_contents\(\s*["']https?:|reqwest::|ureq::get|HTTP::Tiny|LWP::|getstore\(|Faraday|HttpClient|URLSession|openStream\(|socket\.http|http\.request|download\(`),
		runnable:    regexp.MustCompile(`0o?7[0-7]{2}\b|[Cc]hmod|set_permissions|setExecutable|S_IRWXU|S_IXUSR`),
		startsAny:   regexp.MustCompile(`exec\.Command\(|Command::new\(|\bsystem\s*\(?["'\x60$@/]|os\.execute|io\.popen|IO\.popen|Open3|spawn\(|proc_open|shell_exec|passthru|ProcessBuilder|getRuntime\(\)\.exec|Process\.run|Process\.Start`),
		keyboard:    regexp.MustCompile(`keyboard\.(?:Listener|on_press|on_release|hook|record)\(|GlobalKeyboardListener|uIOhook|iohook|SetWindowsHookEx|CGEventTapCreate|on_press\s*=|def on_press|GetAsyncKeyState`),
		descriptors: regexp.MustCompile(`open\(\s*STD(?:IN|OUT|ERR)\s*,\s*["'][<>+]*&|STD(?:IN|OUT|ERR)\.reopen|\$std(?:in|out|err)\.reopen|dup2\(|\.Std(?:in|out|err)\s*=\s*(?:conn|c|s|sock)\b|pipe\(\s*(?:sh|shell|proc|child)\.stdin|array\(\s*0\s*=>\s*\$s|from_raw_fd\(`),
		connects:    regexp.MustCompile(`sockaddr_in|IO::Socket|TCPSocket|fsockopen|net\.Dial|TcpStream::connect|socket\.connect|socket\.tcp|create_connection|\.connect\(`),
		shellName:   regexp.MustCompile(`["'\x60](?:/bin/)?(?:ba|z|da)?sh(?:\s+-i)?["'\x60]|/bin/(?:ba|z|da)?sh|cmd\.exe|powershell`),
	}
})

// loose are languages whose values are followed in part only.
func loose(l lang.Language) bool {
	return l == lang.Ruby || l == lang.PHP || l == lang.Perl || l == lang.Lua || l == lang.Other
}

// across judges a program by what its lines name together.
func (r *program) across(l lang.Language) {
	text := strings.Join(r.lines, "\n")
	if hasAny(text, "dup2", "STDIN", "STDOUT", "$std", ".Stdin", "stdin", "from_raw_fd", "array(0", "array( 0") {
		r.tied()
	}
	if hasAny(text, "eyboard", "ohook", "on_press", "SetWindowsHookEx", "CGEventTap", "GetAsyncKeyState") {
		keys, sends := r.linesOf(crossing().keyboard), r.linesOf(crossing().reaches)
		r.both("flow.watch", keys, sends)
	}
	if !loose(l) {
		return
	}
	if sends := r.linesOf(crossing().reaches); len(sends) > 0 {
		r.both("flow.secret", r.secretLines(), sends)
	}
	if starts := r.linesOf(crossing().startsAny); len(starts) > 0 {
		if marks := r.linesOf(crossing().runnable); len(marks) > 0 {
			if gets := r.linesOf(crossing().gains); len(gets) > 0 {
				r.both("exec.download", append(gets, marks...), starts)
			}
		}
	}
}

// few bounds the lines of a kind that are named.
const few = 8

// linesOf are the first lines, but for comments, that a pattern stands in.
func (r *program) linesOf(re *regexp.Regexp) (out []int) {
	for i, x := range r.lines {
		if len(out) == few {
			break
		}
		if len(x) < 1<<13 && !commented(x) && re.MatchString(x) {
			out = append(out, i+1)
		}
	}
	return out
}

func commented(x string) bool {
	t := strings.TrimSpace(x)
	return t == "" || t[0] == '#' && !strings.HasPrefix(t, "#!") || strings.HasPrefix(t, "//") || strings.HasPrefix(t, "--")
}

// secretLines are the first lines that name the place of a secret.
func (r *program) secretLines() (out []int) {
	for i, x := range r.lines {
		if len(out) == few {
			break
		}
		if len(x) > 1<<13 || !strings.ContainsAny(x, "/\\") || commented(x) {
			continue
		}
		for _, m := range crossing().pathWord.FindAllString(x, 32) {
			if k := placeOf(m); k == credential || k == wallet || k == browser || k == history {
				out = append(out, i+1)
				break
			}
		}
	}
	return out
}

// both names the lines of two kinds, when there are some of each.
func (r *program) both(rule string, a, b []int) {
	if len(a) == 0 || len(b) == 0 {
		return
	}
	for _, n := range append(slices.Clip(a), b...) {
		r.found(rule, n)
	}
}

// tied finds a shell whose descriptors are a connection.
func (r *program) tied() {
	dups := r.linesOf(crossing().descriptors)
	if len(dups) == 0 || len(r.linesOf(crossing().connects)) == 0 {
		return
	}
	r.both("shell.reverse", dups, r.linesOf(crossing().shellName))
}
