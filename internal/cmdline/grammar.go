package cmdline

import (
	"slices"
	"strings"
)

// grammar tells which words of a program are files. Letters are short
// options, words are long ones; what no list names is an operand.
type grammar struct {
	text, path, write    string // short options by the kind of their value
	ltext, lpath, lwrite string // long options, blank-separated
	lopt                 string // long options whose value, if any, follows a "="
	first                int    // leading operands that are text
	unless               string // short options that replace the leading text
	lunless              string
	none                 bool   // no operand is a file
	out                  byte   // operands written: 'a' all, 'l' last, '2' the second, '1' the first
	touch                bool   // writing does not change content
	helper               string // long or short options that start another program
	stdin                string // options whose file lists further files
}

// grammarOf is the table of programs whose words are not all files.
func grammarOf(prog string) grammar {
	switch prog {
	case "echo", "printf", "tr", "seq", "sleep", "basename", "dirname", "expr", "true", "kill", "which", "type", "uname", "hostname", "yes":
		return grammar{none: true}
	case "cat", "tac", "nl", "stat", "file", "du", "readlink", "realpath", "md5sum", "sha1sum", "sha256sum", "sha512sum", "cksum", "od", "cmp", "comm", "paste", "rev":
		return grammar{text: pick(prog, "stat", "c", "nl", "bdfhilnsvw", "od", "AjNSt", "paste", "d", "du", "Bdt"),
			ltext: pick(prog, "stat", "format printf", "du", "exclude max-depth threshold", "nl", "number-separator", "comm", "output-delimiter", "paste", "delimiters"),
			stdin: pick(prog, "du", "--files0-from")}
	case "ls", "dir", "vdir", "tree":
		return grammar{text: pick(prog, "ls", "ITw", "tree", "LIPHT"), ltext: "ignore hide width tabsize block-size time-style sort format quoting-style indicator-style time", lopt: "color hyperlink classify", write: pick(prog, "tree", "o")}
	case "grep", "egrep", "fgrep", "zgrep":
		return grammar{text: "eABCmdD", path: "f", ltext: "regexp include exclude exclude-dir max-count context after-context before-context label binary-files directories devices group-separator",
			lopt: "color colour", lpath: "file exclude-from", first: 1, unless: "ef", lunless: "regexp file"}
	case "rg", "ag", "ack":
		return grammar{text: "eABCgtTmMjrE", path: "f", ltext: "regexp glob iglob type type-not max-count context after-context before-context max-depth max-columns replace sort color threads encoding", lpath: "file ignore-file",
			first: 1, unless: "ef", lunless: "regexp file files", helper: "--pre --hostname-bin"}
	case "head", "tail":
		return grammar{text: "ncs", ltext: "lines bytes sleep-interval pid max-unchanged-stats"}
	case "wc":
		return grammar{ltext: "total", stdin: "--files0-from"}
	case "sort":
		return grammar{text: "tkS", path: "T", write: "o", ltext: "key field-separator buffer-size parallel batch-size sort", lopt: "check", lpath: "temporary-directory random-source", lwrite: "output",
			helper: "--compress-program", stdin: "--files0-from"}
	case "uniq":
		return grammar{text: "fsw", ltext: "skip-fields skip-chars check-chars", lopt: "group all-repeated", out: '2'}
	case "cut":
		return grammar{text: "dfcb", ltext: "delimiter fields characters bytes output-delimiter"}
	case "diff", "sdiff", "colordiff":
		return grammar{text: "xILFWUCD", path: "XS", lopt: "unified context color", ltext: "exclude ignore-matching-lines label show-function-line width line-format old-line-format new-line-format unchanged-line-format old-group-format new-group-format unchanged-group-format changed-group-format tabsize ifdef horizon-lines palette",
			lpath: "exclude-from from-file to-file starting-file", lwrite: "output", write: pick(prog, "sdiff", "o")}
	case "base64", "base32", "basenc":
		return grammar{text: "w", ltext: "wrap"}
	case "cp", "mv", "ln", "install", "rsync", "scp":
		return grammar{text: pick(prog, "install", "mogS", "cp", "S", "mv", "S", "ln", "S"), write: "t", ltext: "suffix sparse no-preserve mode owner group strip-program", lopt: "backup reflink preserve update context",
			lwrite: "target-directory", out: 'l', helper: "--strip-program"}
	case "tee", "sponge":
		return grammar{out: 'a', lopt: "output-error"}
	case "touch":
		return grammar{text: "dt", path: "r", ltext: "date time", lpath: "reference", out: 'a', touch: true}
	case "rm", "rmdir", "unlink", "shred":
		return grammar{out: 'a', touch: true, text: pick(prog, "shred", "ns"), ltext: "iterations size", lopt: "interactive remove"}
	case "truncate":
		return grammar{text: "s", path: "r", ltext: "size", lpath: "reference", out: 'a'}
	case "mkdir", "mkfifo", "mknod":
		return grammar{text: "m", ltext: "mode", lopt: "context", out: 'a', touch: true}
	case "chmod", "chown", "chgrp":
		return grammar{first: 1, lpath: "reference", lunless: "reference", ltext: "from", out: 'a', touch: true}
	case "jq":
		return grammar{path: "L", ltext: "indent", first: 1, unless: "f", lunless: "from-file"}
	case "sed", "gsed":
		return grammar{text: "el", path: "f", ltext: "expression line-length", lopt: "in-place", lpath: "file", first: 1, unless: "ef", lunless: "expression file"}
	case "awk", "gawk", "mawk", "nawk":
		return grammar{text: "vFe", path: "fE", ltext: "assign field-separator source", lopt: "lint dump-variables profile pretty-print debug", lpath: "file exec", first: 1, unless: "feE", lunless: "file exec source"}
	case "curl":
		return grammar{text: "AeHuUXmyYzrCPQtwxdFb", path: "KET", write: "ocD",
			ltext:  "user-agent referer header user proxy-user request max-time connect-timeout speed-limit speed-time time-cond range continue-at proxy data data-ascii data-binary data-raw data-urlencode json form form-string cookie retry retry-delay retry-max-time resolve url url-query write-out limit-rate max-redirs max-filesize interface local-port noproxy ciphers proto proto-redir oauth2-bearer aws-sigv4 tls-max connect-to create-file-mode dns-servers doh-url keepalive-time expand-data variable rate",
			lopt:   "head netrc crlf",
			lpath:  "config upload-file cacert capath cert key netrc-file etag-compare crlfile pubkey unix-socket abstract-unix-socket random-file egd-file proxy-cacert proxy-cert proxy-key",
			lwrite: "output output-dir dump-header cookie-jar trace trace-ascii stderr etag-save hsts alt-svc libcurl", none: true}
	case "wget", "wget2":
		return grammar{text: "UtTwQlARDIXBe", path: "i", write: "OoaP",
			ltext:  "user-agent tries timeout wait quota level accept reject domains exclude-domains include-directories exclude-directories base header post-data body-data use-askpass method user password http-user http-password referer max-redirect limit-rate execute bind-address dns-timeout connect-timeout read-timeout waitretry progress proxy-user proxy-password default-page accept-regex reject-regex regex-type restrict-file-names prefer-family secure-protocol report-speed compression",
			lpath:  "input-file post-file body-file load-cookies ca-certificate ca-directory certificate private-key config input-metalink crl-file hsts-file pinnedpubkey",
			lwrite: "output-document output-file append-output directory-prefix save-cookies warc-file rejected-log warc-tempdir", none: true}
	case "zip":
		return grammar{text: "xiPnt", path: "b", ltext: "exclude include password suffixes before-date from-date split-size", lpath: "temp-path", lwrite: "output-file", write: "O", out: '1', stdin: "-@ --names-stdin"}
	case "unzip", "7z", "bsdtar", "cpio", "unrar":
		return grammar{text: "xP", write: "d", ltext: "exclude"}
	case "date":
		return grammar{text: "ds", path: "fr", ltext: "date set rfc-3339", lopt: "iso-8601", lpath: "file reference", none: true}
	case "test", "[":
		return grammar{none: true}
	case "man":
		return grammar{none: true, text: "P"}
	}
	return grammar{}
}

// pick gives the value that stands after prog in pairs, "" if none does.
func pick(prog string, pairs ...string) string {
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i] == prog {
			return pairs[i+1]
		}
	}
	return ""
}

// opt is one option of a command as its grammar reads it.
type opt struct {
	name string // "-f" or "--file"
	val  Word
	has  bool
}

// scan reads args by a grammar into options and operands.
func scan(args []Word, g grammar) (opts []opt, rest []Word) {
	n := 0
	for i := range args {
		if strings.HasPrefix(args[i].Text, "-") {
			n++
		}
	}
	if n > 0 {
		opts = make([]opt, 0, n)
	}
	rest = make([]Word, 0, len(args)-n+1)
	for i := 0; i < len(args); i++ {
		w := args[i]
		t := w.Text
		switch {
		case t == "--":
			return opts, append(rest, args[i+1:]...)
		case len(t) < 2 || t[0] != '-' || w.Hole == 0 || w.Stream:
			rest = append(rest, w)
		case t[1] == '-':
			name, v, has := strings.Cut(t[2:], "=")
			o := opt{name: "--" + name, val: sub(w, v), has: has}
			if !has && i+1 < len(args) && !listed(g.lopt, name) && (takes(g.ltext, name) || takes(g.lpath, name) || takes(g.lwrite, name)) {
				i++
				o.val, o.has = args[i], true
			}
			opts = append(opts, o)
		default:
			j := 1
			for ; j < len(t); j++ {
				if strings.IndexByte(g.text, t[j]) < 0 && strings.IndexByte(g.path, t[j]) < 0 && strings.IndexByte(g.write, t[j]) < 0 {
					opts = append(opts, opt{name: "-" + t[j:j+1]})
					continue
				}
				o := opt{name: "-" + t[j:j+1], val: sub(w, t[j+1:]), has: true}
				if j+1 == len(t) {
					if i+1 < len(args) {
						i++
						o.val = args[i]
					} else {
						o.has = false
					}
				}
				opts = append(opts, o)
				break
			}
			if j == len(t) { // no option took the rest: a path may hang on
				if k := strings.IndexAny(t, "/~"); k > 1 {
					if k > 2 && strings.HasSuffix(t[:k], "..") {
						k -= 2
					}
					opts = append(opts, opt{name: t[:2], val: sub(w, t[k:]), has: true})
				}
			}
		}
	}
	return opts, rest
}

// sub is a word that is a part of another.
func sub(w Word, text string) Word {
	cut := len(w.Text) - len(text)
	w.Text = text
	if w.Hole >= 0 {
		w.Hole = max(0, w.Hole-cut)
	}
	w.Alts = slices.Clone(w.Alts)
	for i, s := range w.Alts {
		w.Alts[i] = s[min(cut, len(s)):]
	}
	return w
}
