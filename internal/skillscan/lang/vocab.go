package lang

import "strings"

// entry says what calling a name does.
type entry struct {
	do   Do
	at   int  // argument that Texts come from; -1 the receiver
	mark From // on the result
	pure bool // no event: only marks the result
}

// calls names what a program can call, by the libraries of several languages.
// A name that begins with "*" is a method of anything.
func calls(name string) (entry, bool) {
	if e, ok := exact(name); ok {
		return e, true
	}
	head, _, _ := strings.Cut(name, ".")
	last := name[strings.LastIndexByte(name, '.')+1:]
	if network(head) && verb(last) {
		return entry{do: Sends, mark: Network}, true
	}
	switch head {
	case "subprocess", "child_process", "execa", "shelljs", "pexpect", "Open3":
		if last != "PIPE" && last != "join" && !strings.Contains(name, "().") {
			return entry{do: Runs, mark: Program}, true
		}
	}
	if strings.HasPrefix(name, "os.exec") || strings.HasPrefix(name, "os.spawn") || strings.HasPrefix(name, "os.posix_spawn") {
		return entry{do: Runs, mark: Process}, true
	}
	return method(last)
}

func exact(name string) (entry, bool) {
	switch name {
	case "os.system", "os.popen", "os.startfile", "pty.spawn", "asyncio.create_subprocess_shell", "asyncio.create_subprocess_exec", "commands.getoutput",
		"$", "zx.$", "Bun.$", "Bun.spawn", "Bun.spawnSync", "Deno.Command", "Deno.run", "system", "shell_exec", "passthru", "popen", "proc_open", "pcntl_exec",
		"Kernel.system", "Kernel.exec", "IO.popen", "os.execute", "io.popen", "exec.Command", "ProcessBuilder", "ProcessBuilder()", "Command.new", "std.process.Command.new", "process.Command.new":
		return entry{do: Runs, mark: Program}, true
	case "eval", "Function", "Function()", "execScript", "code.interact", "runpy.run_path", "runpy.run_module", "create_function", "loadstring", "importScripts", "instance_eval", "class_eval",
		"pickle.loads", "pickle.load", "cPickle.loads", "dill.loads", "dill.load", "joblib.load", "yaml.unsafe_load", "yaml.load", "jsonpickle.decode", "Marshal.load", "unserialize",
		"vm.runInThisContext", "vm.runInNewContext", "vm.runInContext", "vm.Script", "vm.Script()", "vm.compileFunction", "types.FunctionType", "WebAssembly.instantiate":
		return entry{do: Evals}, true
	case "setTimeout", "setInterval":
		return entry{do: Evals}, true
	case "urllib.request.urlopen", "urllib.request.urlretrieve", "urllib2.urlopen", "urllib.urlopen", "urllib.request.build_opener().open", "fetch", "axios", "got", "ky", "request", "requests", "needle", "superagent", "curl_exec", "URI.open", "open-uri",
		"WebSocket", "WebSocket()", "websockets.connect", "EventSource()", "curl_init", "http.get", "http.Get", "http.Post", "reqwest.get", "reqwest.blocking.get", "Net.HTTP.get", "Net.HTTP.post", "Net.HTTP.post_form", "Net.HTTP.start", "LWP.Simple.get", "mail":
		return entry{do: Sends, mark: Network}, true
	case "urllib.request.Request", "urllib2.Request", "Request()", "URL()", "URI", "URI.parse", "Net.HTTP.Post.new":
		return entry{pure: true}, true
	case "socket.create_connection", "net.connect", "net.createConnection", "tls.connect", "net.Dial", "fsockopen", "TCPSocket.new", "TCPSocket.open", "net.Socket().connect", "socket.socket().connect", "socket.socket().connect_ex", "socket.connect":
		return entry{do: Connects, mark: Socket}, true
	case "socket.socket", "net.Socket()", "net.Socket", "dgram.createSocket", "socket":
		return entry{pure: true, mark: Socket}, true
	case "socket.gethostbyname", "socket.gethostbyname_ex", "socket.getaddrinfo", "dns.lookup", "dns.resolve", "dns.resolve4", "dns.resolveTxt", "dns.promises.lookup", "dns.promises.resolve", "dns.promises.resolveTxt", "dns.resolver.resolve", "dns.resolver.query", "gethostbyname", "dns_get_record", "Resolv.getaddress", "net.LookupHost":
		return entry{do: Resolves, mark: Network}, true
	case "open", "io.open", "codecs.open", "File.open", "File.read", "IO.read", "File.readlines", "file_get_contents", "fopen", "readfile", "sqlite3.connect", "os.Open", "os.ReadFile", "ioutil.ReadFile", "Bun.file", "Deno.readTextFile", "Deno.readTextFileSync", "Deno.readFile",
		"fs.readFile", "fs.readFileSync", "fs.promises.readFile", "fs.createReadStream", "fs.open", "fs.openSync", "fs.openAsBlob", "fse.readFile", "aiofiles.open", "np.load", "configparser.ConfigParser().read", "sqlite3.Database", "sqlite3.Database()", "better-sqlite3", "dotenv.dotenv_values":
		return entry{do: Reads, mark: File}, true
	case "glob.glob", "glob.iglob", "os.listdir", "os.scandir", "os.walk", "fs.readdir", "fs.readdirSync", "fs.promises.readdir", "Dir.glob", "glob", "glob.sync", "scandir", "globSync", "fs.globSync":
		return entry{do: Reads, mark: File}, true
	case "shutil.copy", "shutil.copy2", "shutil.copyfile", "shutil.copytree", "shutil.move", "fs.copyFile", "fs.copyFileSync", "fs.cp", "fs.cpSync", "fs.promises.copyFile", "FileUtils.cp", "FileUtils.cp_r", "shutil.make_archive", "copy", "os.rename", "os.replace", "fs.rename", "fs.renameSync", "os.symlink", "os.link", "fs.symlinkSync", "fs.symlink":
		return entry{do: Reads, mark: File}, true
	case "fs.writeFile", "fs.writeFileSync", "fs.promises.writeFile", "fs.appendFile", "fs.appendFileSync", "fs.promises.appendFile", "fs.createWriteStream", "file_put_contents", "File.write", "IO.write", "Deno.writeTextFile", "Deno.writeTextFileSync", "Bun.write", "os.WriteFile", "ioutil.WriteFile", "fse.outputFile":
		return entry{do: Writes}, true
	case "shutil.rmtree", "os.remove", "os.unlink", "os.rmdir", "os.removedirs", "fs.rm", "fs.rmSync", "fs.rmdir", "fs.rmdirSync", "fs.unlink", "fs.unlinkSync", "fs.promises.rm", "fs.promises.unlink", "fs.promises.rmdir", "rimraf", "rimraf.sync", "fse.remove", "fse.removeSync", "FileUtils.rm_rf", "FileUtils.rm_r", "unlink", "rmdir", "File.delete", "os.RemoveAll", "Deno.remove", "os.truncate", "fs.truncateSync":
		return entry{do: Deletes}, true
	case "pynput.keyboard.Listener", "pynput.mouse.Listener", "keyboard.on_press", "keyboard.on_release", "keyboard.hook", "keyboard.record", "keyboard.Listener", "pyperclip.paste", "clipboardy.read", "clipboardy.readSync", "PIL.ImageGrab.grab", "ImageGrab.grab", "PIL.ImageGrab.grabclipboard", "pyautogui.screenshot", "pyscreenshot.grab", "mss.mss", "mss.mss().grab", "mss.mss().shot", "cv2.VideoCapture", "sounddevice.rec", "pyaudio.PyAudio", "navigator.clipboard.readText", "navigator.mediaDevices.getUserMedia", "navigator.mediaDevices.getDisplayMedia", "screenshot-desktop", "iohook.start", "uiohook-napi.uIOhook.start", "node-global-key-listener.GlobalKeyboardListener", "clipboard.read", "clipboard.readText", "tkinter.Tk().clipboard_get", "win32clipboard.GetClipboardData":
		return entry{do: Watches, mark: Watched}, true
	case "input", "getpass.getpass", "prompt", "readline.question":
		return entry{pure: true, mark: Asked}, true
	case "os.dup2":
		return entry{do: Binds}, true
	case "base64.b64decode", "base64.urlsafe_b64decode", "base64.standard_b64decode", "base64.b32decode", "base64.b85decode", "base64.a85decode", "base64.b16decode", "base64.decodebytes", "atob", "Buffer.from", "bytes.fromhex", "bytearray.fromhex", "binascii.unhexlify", "binascii.a2b_base64", "codecs.decode", "zlib.decompress", "gzip.decompress", "lzma.decompress", "bz2.decompress", "marshal.loads", "marshal.load", "base64_decode", "gzinflate", "gzuncompress", "str_rot13", "hex2bin", "convert_uudecode", "Base64.decode64", "Base64.strict_decode64", "decode_base64", "MIME.Base64.decode", "zlib.inflateSync", "zlib.gunzipSync", "zlib.inflateRawSync", "zlib.brotliDecompressSync", "unescape", "cryptography.fernet.Fernet().decrypt", "CryptoJS.AES.decrypt":
		return entry{pure: true, mark: Decoded}, true
	case "ctypes.CDLL", "ctypes.cdll.LoadLibrary", "process.dlopen", "process.binding":
		return entry{do: Loads}, true
	}
	return entry{}, false
}

// network names the libraries that reach other machines.
func network(head string) bool {
	switch head {
	case "requests", "httpx", "aiohttp", "urllib3", "http", "https", "http2", "axios", "got", "ky", "superagent", "needle", "undici", "request", "httplib", "fetch", "Faraday", "HTTParty", "RestClient", "Excon", "LWP", "HTTP", "curl_cffi", "pycurl", "treq", "smtplib", "ftplib", "paramiko", "websocket", "websockets", "nodemailer", "boto3", "telegram", "discord", "slack_sdk", "XMLHttpRequest()", "XMLHttpRequest", "Guzzle", "GuzzleHttp", "reqwest", "ureq", "minio", "pysftp", "dropbox", "WebSocket()", "ws", "Net", "grequests", "requests_html", "cloudscraper", "requests-promise", "bent", "phin", "basic-ftp", "ssh2":
		return true
	}
	return false
}

// verb names the methods of such a library that say something.
func verb(last string) bool {
	switch last {
	case "get", "post", "put", "patch", "delete", "head", "request", "send", "sendall", "sendmail", "send_message", "sendMail", "storbinary", "storlines", "urlopen", "open", "connect", "upload_file", "upload_fileobj", "put_object", "create_connection", "send_document", "sendDocument", "chat_postMessage", "files_upload", "stream", "fetch", "Get", "Post", "write", "uploadFrom", "post_form", "start", "create_datagram_endpoint", "put_file", "execute", "exec_command", "login", "end", "sendFile", "postForm":
		return true
	}
	return false
}

// method says what a method does whatever it belongs to.
func method(last string) (entry, bool) {
	switch last {
	case "read_text", "read_bytes":
		return entry{do: Reads, at: -1, mark: File}, true
	case "write_text", "write_bytes":
		return entry{do: Writes, at: -1}, true
	case "iterdir", "glob", "rglob", "walk":
		return entry{do: Reads, at: -1, mark: File}, true
	case "unlink", "rmdir", "rmtree", "rmSync", "unlinkSync":
		return entry{do: Deletes, at: -1}, true
	case "sendall", "sendto", "sendmail", "sendMail", "storbinary", "urlopen", "urlretrieve", "sendBeacon", "upload_file", "upload_fileobj", "put_object", "sendDocument", "send_document", "UploadString", "UploadData", "UploadFile", "DownloadString", "DownloadFile", "DownloadData":
		return entry{do: Sends, mark: Network}, true
	case "send", "post", "upload", "uploadFile", "sendFile", "publish":
		return entry{do: Sends, mark: Network}, true
	case "gethostbyname", "getaddrinfo", "resolveTxt":
		return entry{do: Resolves, mark: Network}, true
	case "execSync", "spawnSync", "execFileSync", "execFile", "check_output", "shell_exec", "create_subprocess_shell":
		return entry{do: Runs, mark: Program}, true
	case "runInThisContext", "runInNewContext", "_compile", "instance_eval", "Invoke-Expression":
		return entry{do: Evals}, true
	}
	return entry{}, false
}

// everything names tables of all environment variables.
func everything(name string) bool {
	switch name {
	case "os.environ", "os.environb", "process.env", "ENV", "_ENV", "import.meta.env", "Bun.env", "_SERVER":
		return true
	}
	return false
}

// canonical drops the ways to say the same name.
func canonical(name string) string {
	for _, p := range [...]string{"globalThis.", "window.", "global.", "builtins.", "__builtins__.", "process.mainModule.", "module.constructor.", "Reflect.apply.", "self.globalThis."} {
		name = strings.TrimPrefix(name, p)
	}
	switch name {
	case "module.require", "createRequire()", "module.createRequire()", "_load", "Module._load", "module._load":
		return "require"
	case "importlib.import_module", "importlib.__import__":
		return "__import__"
	case "environ":
		return "os.environ"
	case "shell.exec":
		return "shelljs.exec"
	}
	return name
}
