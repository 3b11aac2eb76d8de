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

var (
	pathWord = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?:~|\$HOME|%USERPROFILE%)?[/\\.][A-Za-z0-9_.*\\/-]{3,80}`)
	})
	reaches = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`Net::HTTP[.:](?:post|start|get|Post)|HTTParty\.|RestClient\.|Faraday|LWP::|HTTP::Tiny|IO::Socket|file_get_contents\(\s*["']https?:|curl_setopt|curl_exec|fsockopen|http\.(?:Post|Get|NewRequest|request|post)\(|reqwest::|ureq::|hyper::|socket\.http|requests\.(?:post|put)\(|\.(?:urlopen|sendall|sendto)\(|fetch\(\s*["'\x60]https?:|axios\.(?:post|put)|URLSession|HttpClient|TcpStream|TCPSocket|DownloadString|UploadString|net\.Dial|createConnection\(`)
	})
	gains = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`http\.Get\(|URI\.open|Net::HTTP|file_get_contents\(\s*["']https?:|reqwest::|ureq::get|HTTP::Tiny|LWP::|getstore\(|Faraday|HttpClient|URLSession|openStream\(|socket\.http|http\.request|download\(`)
	})
	runnable = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`0o?7[0-7]{2}\b|[Cc]hmod|set_permissions|setExecutable|S_IRWXU|S_IXUSR`)
	})
	startsAny = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`exec\.Command\(|Command::new\(|\bsystem\s*\(?["'\x60$@/]|os\.execute|io\.popen|IO\.popen|Open3|spawn\(|proc_open|shell_exec|passthru|ProcessBuilder|getRuntime\(\)\.exec|Process\.run|Process\.Start`)
	})
	keyboard = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`keyboard\.(?:Listener|on_press|on_release|hook|record)\(|GlobalKeyboardListener|uIOhook|iohook|SetWindowsHookEx|CGEventTapCreate|on_press\s*=|def on_press|GetAsyncKeyState`)
	})
	descriptors = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`open\(\s*STD(?:IN|OUT|ERR)\s*,\s*["'][<>+]*&|STD(?:IN|OUT|ERR)\.reopen|\$std(?:in|out|err)\.reopen|dup2\(|\.Std(?:in|out|err)\s*=\s*(?:conn|c|s|sock)\b|pipe\(\s*(?:sh|shell|proc|child)\.stdin|array\(\s*0\s*=>\s*\$s|from_raw_fd\(`)
	})
	connects = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`sockaddr_in|IO::Socket|TCPSocket|fsockopen|net\.Dial|TcpStream::connect|socket\.connect|socket\.tcp|create_connection|\.connect\(`)
	})
	shellName = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`["'\x60](?:/bin/)?(?:ba|z|da)?sh(?:\s+-i)?["'\x60]|/bin/(?:ba|z|da)?sh|cmd\.exe|powershell`)
	})
)

// loose are languages whose values are followed in part only.
func loose(l lang.Language) bool {
	return l == lang.Ruby || l == lang.PHP || l == lang.Perl || l == lang.Lua || l == lang.Other
}

// across judges a program by what its lines name together.
func (r *program) across(l lang.Language) {
	var secrets, sends, dups, conns, shells, gets, marks, starts, keys []int
	for i, x := range r.lines {
		if len(x) > 1<<13 {
			continue
		}
		t := strings.TrimSpace(x)
		if t == "" || t[0] == '#' && !strings.HasPrefix(t, "#!") || strings.HasPrefix(t, "//") || strings.HasPrefix(t, "--") {
			continue
		}
		if loose(l) {
			for _, m := range pathWord().FindAllString(x, 32) {
				if k := placeOf(m); k == credential || k == wallet || k == browser || k == history {
					secrets = append(secrets, i+1)
					break
				}
			}
			if reaches().MatchString(x) {
				sends = append(sends, i+1)
			}
			if gains().MatchString(x) {
				gets = append(gets, i+1)
			}
			if runnable().MatchString(x) {
				marks = append(marks, i+1)
			}
			if startsAny().MatchString(x) {
				starts = append(starts, i+1)
			}
		} else if reaches().MatchString(x) || strings.Contains(x, "urlopen") {
			sends = append(sends, i+1)
		}
		if keyboard().MatchString(x) {
			keys = append(keys, i+1)
		}
		if descriptors().MatchString(x) {
			dups = append(dups, i+1)
		}
		if connects().MatchString(x) {
			conns = append(conns, i+1)
		}
		if shellName().MatchString(x) {
			shells = append(shells, i+1)
		}
	}
	if len(gets) > 0 && len(marks) > 0 && len(starts) > 0 && len(starts) <= 8 {
		for _, n := range append(append(slices.Clip(gets[:min(len(gets), 4)]), marks[:min(len(marks), 4)]...), starts...) {
			r.found("exec.download", n)
		}
	}
	if len(keys) > 0 && len(sends) > 0 && len(keys)+len(sends) <= 16 {
		for _, n := range append(slices.Clip(keys), sends...) {
			r.found("flow.watch", n)
		}
	}
	if len(secrets) > 0 && len(sends) > 0 && len(sends) <= 8 {
		for _, n := range append(slices.Clip(secrets[:min(len(secrets), 8)]), sends...) {
			r.found("flow.secret", n)
		}
	}
	if len(dups) > 0 && len(conns) > 0 && len(shells) > 0 && len(dups) <= 8 {
		for _, n := range append(slices.Clip(dups), shells[:min(len(shells), 4)]...) {
			r.found("shell.reverse", n)
		}
	}
}
