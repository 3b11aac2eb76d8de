package cmdline

import (
	"path"
	"slices"
	"strings"
)

// curl reads and writes files by prefixes inside its values.
func (a *analyser) curl(cmd *Command, opts []opt, rest []Word, c ctx) {
	dir, remote, header := "", false, false
	urls := slices.Clone(rest)
	for _, o := range opts {
		v := o.val
		long := strings.TrimPrefix(o.name, "--")
		switch {
		case o.name == "-d" || strings.HasPrefix(o.name, "--data") && long != "data-raw" || long == "json":
			if s, ok := strings.CutPrefix(v.Text, "@"); ok && s != "-" {
				a.useText(cmd, v, s, Read, c.bases)
			} else if _, s, ok := strings.Cut(v.Text, "@"); ok && strings.HasPrefix(long, "data-u") {
				a.useText(cmd, v, s, Read, c.bases)
			}
		case o.name == "-F" || long == "form":
			for _, mark := range []string{"=@", "=<"} {
				if _, s, ok := strings.Cut(v.Text, mark); ok {
					s, _, _ = strings.Cut(s, ";")
					for f := range strings.SplitSeq(s, ",") {
						a.useText(cmd, v, strings.Trim(f, `"`), Read, c.bases)
					}
				}
			}
		case o.name == "-H" || long == "header" || o.name == "-w" || long == "write-out" || long == "proxy-header" || long == "variable" || long == "url" || long == "url-query":
			if _, s, ok := strings.Cut(v.Text, "@"); ok && (strings.HasPrefix(v.Text, "@") || long == "variable") && s != "-" {
				a.useText(cmd, v, s, Read, c.bases)
			}
			if strings.Contains(v.Text, "%output{") {
				cmd.Inline = append(cmd.Inline, "an output file inside a format")
			}
			if long == "url" {
				urls = append(urls, v)
				a.operand(cmd, v, Read, c.bases)
			}
		case o.name == "-b" || long == "cookie":
			if !strings.Contains(v.Text, "=") {
				a.use(cmd, v, Read, c.bases)
			}
		case o.name == "-K" || long != o.name && len(long) > 2 && strings.HasPrefix("config", long):
			cmd.Inline = append(cmd.Inline, "options read from a file")
		case long == "engine" || long == "doh-url" || o.name == "-x" || long == "proxy" || long == "preproxy":
			cmd.Inline = append(cmd.Inline, "traffic or code goes another way ("+o.name+")")
		case o.name == "-O" || strings.HasPrefix(long, "remote-name"):
			remote = true
		case o.name == "-J" || strings.HasPrefix(long, "remote-h"):
			header = true
		case (o.name == "-T" || long == "upload-file") && strings.ContainsAny(v.Text, "{["):
			cmd.Unchecked = append(cmd.Unchecked, Visible(v.Text)) // curl expands it itself
		case long == "output-dir":
			dir = v.Text
		case (o.name == "-o" || long != o.name && len(long) > 2 && strings.HasPrefix("output", long)) && v.Text != "-":
			if dir != "" && !strings.HasPrefix(v.Text, "/") {
				v.Text = dir + "/" + v.Text
			}
			a.writes(v, OriginDownload, false)
		}
	}
	if remote && header { // the server chooses the name
		a.writes(lit(path.Join(".", dir)), OriginDownload, true)
	}
	for _, u := range urls {
		if remote {
			a.writes(named(u, dir), OriginDownload, false)
		}
		if !strings.Contains(u.Text, "://") {
			h, _, _ := strings.Cut(u.Text, "/")
			a.host(h)
		}
	}
}

// named is the file that a download of u gets in dir.
func named(u Word, dir string) Word {
	t, _, _ := strings.Cut(u.Text, "?")
	_, rest, ok := strings.Cut(t, "://")
	if !ok {
		rest = t
	}
	name := "index.html"
	if i := strings.LastIndexByte(rest, '/'); i >= 0 && i+1 < len(rest) {
		name = rest[i+1:]
	}
	if dir != "" {
		name = dir + "/" + name
	}
	u.Text, u.Alts, u.Glob = name, nil, false
	return u
}

func (a *analyser) wget(cmd *Command, opts []opt, rest []Word, c ctx) {
	dir, out := "", false
	for _, o := range opts {
		long := strings.TrimPrefix(o.name, "--")
		isLong := long != o.name
		switch {
		case o.name == "-O" || isLong && len(long) > 7 && strings.HasPrefix("output-document", long):
			out = true
			if o.val.Text != "-" && stream(o.val.Text) == "" {
				a.writes(o.val, OriginDownload, false)
			}
		case o.name == "-P" || isLong && len(long) > 4 && strings.HasPrefix("directory-prefix", long):
			dir = o.val.Text
		case isLong && len(long) > 4 && strings.HasPrefix("use-askpass", long):
			cmd.Inline = append(cmd.Inline, "a helper program ("+o.name+")")
			a.carriedText(cmd, o.val, c, "wget")
		case o.name == "-e" || isLong && len(long) > 2 && strings.HasPrefix("execute", long) || isLong && len(long) > 3 && strings.HasPrefix("config", long):
			cmd.Inline = append(cmd.Inline, "configuration given by an option")
		}
	}
	for _, u := range rest {
		if !out {
			a.writes(named(u, dir), OriginDownload, false)
		}
		if !strings.Contains(u.Text, "://") {
			h, _, _ := strings.Cut(u.Text, "/")
			a.host(h)
		}
	}
	if slices.ContainsFunc(opts, func(o opt) bool {
		return o.name == "-r" || o.name == "-m" || o.name == "--recursive" || o.name == "--mirror" || o.name == "-i" || len(o.name) > 4 && (strings.HasPrefix("--content-disposition", o.name) || strings.HasPrefix("--trust-server-names", o.name))
	}) {
		if dir == "" {
			dir = "."
		}
		a.writes(lit(dir), OriginDownload, true)
	}
}
