"""Debian's Chromium, headless, by chromedriver: the live page as a person has it."""
import json
import urllib.parse

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

# contrast of every visible text with what is behind it (WCAG 2), as [ratio, needed, text, selector]
CONTRAST = """
const parse = (s) => { const m = s.match(/[\\d.]+/g).map(Number); return [m[0], m[1], m[2], m.length > 3 ? m[3] : 1]; };
const over = (a, b) => [0, 1, 2].map((i) => a[i] * a[3] + b[i] * (1 - a[3])).concat(1);
const light = (c) => { const l = c.slice(0, 3).map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * l[0] + 0.7152 * l[1] + 0.0722 * l[2]; };
const behind = (e) => { const layers = [];
  for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); layers.push(c); if (c[3] === 1) break; }
  return layers.reverse().reduce((under, c) => over(c, under), [255, 255, 255, 1]); };
const found = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const e = walker.currentNode.parentElement, text = walker.currentNode.textContent.trim();
  if (!text || ["SCRIPT", "NOSCRIPT", "OPTION"].includes(e.tagName) || !e.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true })) continue;
  const style = getComputedStyle(e), back = behind(e), front = over(parse(style.color), back);
  const [a, b] = [light(front), light(back)].sort((x, y) => y - x), px = parseFloat(style.fontSize);
  const large = px >= 24 || (px >= 18.66 && Number(style.fontWeight) >= 700);
  found.push([(a + 0.05) / (b + 0.05), large ? 3 : 4.5, text, `${e.tagName}.${e.className} in ${e.closest("[id]")?.id}`]);
}
return found;
"""


class Browser:
    def __init__(self, width=1440, height=900, dark=False):
        o = Options()
        for a in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run",
                  "--disable-background-networking", "--disable-component-update", "--force-color-profile=srgb"):
            o.add_argument(a)
        o.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=o)
        self.view(width, height, dark)

    def close(self):
        self.driver.quit()

    def view(self, width, height, dark=False, scale=1):
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=False)
        self.scheme("dark" if dark else "light")

    def scheme(self, name, motion="no-preference"):
        self.cdp("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name},
                                                         {"name": "prefers-reduced-motion", "value": motion}])

    def cdp(self, command, **args):
        return self.driver.execute_cdp_cmd(command, args)

    def open(self, url):
        self.driver.get(url)

    def js(self, script, *args):
        return self.driver.execute_script(script, *args)

    def module(self, script, *args):
        """What an async function of the page's own modules returns; script sees args and load(file)."""
        code = "const done = arguments[arguments.length - 1], args = [...arguments].slice(0, -1), load = (f) => import('/page/' + f);" \
               f"(async () => {{ {script} }})().then((v) => done({{ok: v}}), (e) => done({{error: String(e)}}));"
        result = self.driver.execute_async_script(code, *args)
        assert "error" not in result, result
        return result["ok"]

    def text(self, selector):
        return self.js("return document.querySelector(arguments[0])?.textContent", selector)

    def click(self, selector):
        self.js("document.querySelector(arguments[0]).click()", selector)

    def key(self, name, shift=False):
        code = {"Tab": 9, "Enter": 13, "Escape": 27, "ArrowLeft": 37, "ArrowRight": 39, "Home": 36, "End": 35, " ": 32}[name]
        extra = {"text": "\r"} if name == "Enter" else {"text": " "} if name == " " else {}
        for kind in ("keyDown", "keyUp"):
            self.cdp("Input.dispatchKeyEvent", type=kind, key=name, code="Space" if name == " " else name, windowsVirtualKeyCode=code,
                     modifiers=8 if shift else 0, **(extra if kind == "keyDown" else {}))

    def console(self):
        """What the browser complained about since the last call."""
        return [e for e in self.driver.get_log("browser") if e["level"] in ("SEVERE", "WARNING")]

    def hosts(self):
        """Whom it asked for anything since the last call; data: and the like are nobody."""
        asked = set()
        for entry in self.driver.get_log("performance"):
            m = json.loads(entry["message"])["message"]
            if m["method"] in ("Network.requestWillBeSent", "Network.webSocketCreated"):
                url = urllib.parse.urlparse(m["params"].get("request", m["params"])["url"])
                if url.scheme not in ("data", "blob", "about", "chrome"):
                    asked.add(url.netloc)
        return asked

    def contrast(self):
        return self.js(CONTRAST)

    def shot(self, file):
        self.driver.save_screenshot(str(file))
