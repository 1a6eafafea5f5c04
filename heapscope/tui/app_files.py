"""Owns writing files on request: exports of a view, the snapshot itself.

Never overwrites, and never writes without having asked where.
"""

from __future__ import annotations

from heapscope.tui import file_jobs
from heapscope.tui.app_base import BaseApp
from heapscope.tui.chrome import SizedScreen
from heapscope.tui.files import propose_path
from heapscope.tui.presenters.export import FORMATS, ExportTable, write_export
from heapscope.tui.screens.dialogs import PathScreen
from heapscope.tui.screens.main import MainScreen
from heapscope.tui.screens.pushed import PushedScreen
from heapscope.tui.textfit import cut_end


class FilesApp(BaseApp):
    """The part of the application that writes files."""

    def on_main_screen_export_wanted(self, event: MainScreen.ExportWanted) -> None:
        """Write what a tab shows."""
        self._export(event.table)

    def on_pushed_screen_export_wanted(self, event: PushedScreen.ExportWanted) -> None:
        """Write what a screen above shows."""
        self._export(event.table)

    def _export(self, table: ExportTable) -> None:
        """Ask where, then write."""

        def write(path: str | bool | None) -> None:
            if isinstance(path, str):
                ending = path.rpartition(".")[2]
                text = write_export(table, ending if ending in FORMATS else FORMATS[0])
                self.runner.write_text(path, text)

        what = f"Export {table.name}: {len(table.rows):,} of {table.total:,} rows"
        proposed = propose_path(self.keeper.file_stem(f"{table.name}-"), FORMATS[0])
        self.push_screen(PathScreen(what, proposed, FORMATS, ascii_only=self.ascii_only), write)

    def on_main_screen_write_wanted(self) -> None:
        """Ask where, then write."""
        if self.keeper.view is None:
            return
        snapshot = self.keeper.view.current.snapshot

        def write(path: str | bool | None) -> None:
            if isinstance(path, str):
                self.runner.write_snapshot(snapshot, path)

        proposed = propose_path(self.keeper.file_stem(""), "heapscope")
        self.push_screen(PathScreen("Write the snapshot", proposed, ("heapscope",), ascii_only=self.ascii_only), write)

    def copy_to_clipboard(self, text: str) -> None:
        """Copy through the terminal, and keep the text in a file for terminals that do not take it."""
        super().copy_to_clipboard(text)
        if self.keeper.copy_path:
            self.runner.keep_copy(self.keeper.copy_path, text)

    def on_sized_screen_copy_wanted(self, event: SizedScreen.CopyWanted) -> None:
        """Copy a text that needs the word for the snapshot."""
        text = event.write(self.keeper.source_word())
        if not text:
            self.notify("nothing here to copy", markup=False)
            return
        self.copy_to_clipboard(text)
        self.notify(f"copied: {cut_end(text.splitlines()[0], 60)}", markup=False, timeout=3)

    def on_file_written(self, event: file_jobs.FileWritten) -> None:
        """Say where it is, or why it is not."""
        if event.error is not None:
            self.notify(f"{event.error.message}: {event.error.hint}", markup=False, severity="error", timeout=10)
            return
        if event.snapshot is not None:
            self.keeper.note_file(event.snapshot, event.path)
        if isinstance(self.screen, PushedScreen):
            self.notify(f"wrote {event.path}", markup=False)
        if self.main_screen is not None:
            self.main_screen.show_banner(f"wrote {event.path}", is_warning=False)
