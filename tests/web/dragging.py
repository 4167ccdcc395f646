"""Files on their way from a file manager or the clipboard, as a page gets them."""
import base64
from pathlib import Path

from playwright.sync_api import JSHandle, Page

TRANSFER = """files => {
  const transfer = new DataTransfer();
  for (const [name, type, data] of files) {
    transfer.items.add(new File([Uint8Array.from(atob(data), (c) => c.charCodeAt(0))], name, {type}));
  }
  return transfer;
}"""
PASTE = """clipboardData =>
  document.dispatchEvent(new ClipboardEvent("paste", {clipboardData, bubbles: true, cancelable: true}))"""


def carry(page: Page, *files: Path) -> JSHandle:
    return page.evaluate_handle(TRANSFER, [
        [f.name, f"image/{f.suffix[1:]}", base64.b64encode(f.read_bytes()).decode()] for f in files])


def drop(page: Page, target: str, *files: Path) -> None:
    transfer = carry(page, *files)
    for event in ("dragenter", "dragover", "drop"):
        page.dispatch_event(target, event, {"dataTransfer": transfer})


def paste(page: Page, file: Path) -> None:
    page.evaluate(PASTE, carry(page, file))
