"""Who hears from whom in the window, all in one place.

Parts know nothing of each other: each has signals for what happened and slots for what it does,
and here they are joined.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtGui import QGuiApplication

if TYPE_CHECKING:
    from nodeflow.ui.window.main_window import MainWindow


def connect(window: MainWindow) -> None:
    """Join the parts of a new window."""
    canvas, running, link, status = window.canvas, window.running, window.link, window.status
    window.workspace.replaced.connect(window.on_replaced)
    window.workspace.entered.connect(window.on_entered)
    window.workspace.changed.connect(window.on_changed)
    window.workspace.edited.connect(window.subgraphs.refresh_offers)
    window.breadcrumbs.back.connect(window.subgraphs.do_leave)
    window.breadcrumbs.chosen.connect(window.subgraphs.go_to)
    canvas.leave_requested.connect(window.subgraphs.do_leave)
    window.workspace.analysed.connect(canvas.refresh)
    window.workspace.analysed.connect(window.refresh_soon)
    window.workspace.saved.connect(window.show_title)
    window.workspace.saved.connect(window.on_saved)
    canvas.selection_changed.connect(window.workspace.select)
    window.workspace.selected.connect(window.refresh_soon)
    canvas.node_activated.connect(window.on_activated)
    canvas.tutorial_requested.connect(window.do_tutorial)
    canvas.message.connect(status.say)
    canvas.view_changed.connect(window.on_view_changed)
    palette = window.palette_panel
    palette.chosen.connect(window.add_in_middle)
    palette.asked.connect(window.offers_menu.do)
    palette.menu_wanted.connect(window.offers_menu.open)
    palette.drag_started.connect(window.on_drag_started)
    palette.drag_moved.connect(canvas.move_ghost)
    palette.drag_ended.connect(canvas.drop_ghost)
    palette.drag_cancelled.connect(canvas.cancel_ghost)
    window.inspector.asked.connect(window.show_node)
    window.inspector.wanted.connect(window.actions_.trigger)
    window.peek.closed.connect(window.show_canvas)
    window.peek.unpack_wanted.connect(window.do_unpack)
    window.peek.outer_wanted.connect(window.show_path)
    window.peek.inner_activated.connect(window.show_viewer)
    window.peek.status_text.connect(status.say)
    window.peek.looked.connect(window.on_view_changed)
    window.problems.chosen.connect(window.on_problem)
    window.outline.chosen.connect(window.show_node)
    window.outline.selected.connect(canvas.select)
    running.values_changed.connect(window.outline.values_changed)
    window.problems.file_chosen.connect(window.own_ops.open_file)
    window.own_ops.reloaded.connect(window.on_ops_reloaded)
    window.own_ops.status_text.connect(status.say)
    window.own_ops.message_shown.connect(window.info.show_message)
    window.on_ops_reloaded(set())
    window.problems.counted.connect(status.show_problems)
    window.problems.refresh()
    window.files.opened.connect(window.show_canvas)
    window.files.status_text.connect(status.say)
    running.status_text.connect(status.say)
    running.message_shown.connect(window.info.show_message)
    running.message_retracted.connect(window.info.retract)
    running.run_problems.connect(window.problems.set_run_problems)
    running.values_changed.connect(window.viewer.on_valued)
    running.missing.connect(status.show_waiting)
    running.noticed.connect(window.training.show_notices)
    running.noticed.connect(status.show_notices)
    status.notice_clicked.connect(window.on_notice)
    running.began_training.connect(window.on_training_began)
    running.began_profile.connect(window.on_profile_began)
    running.profile_failed.connect(window.profile.fail)
    link.profiled.connect(window.profile.on_profiled)
    window.profile.wanted.connect(window.do_measure)
    window.profile.chosen.connect(window.navigation.show_named)
    link.state_changed.connect(window.on_engine_state)
    link.training.connect(window.training.on_event)
    link.download.connect(window.training.on_download)
    window.training.download_wanted.connect(window.do_fetch_data)
    window.training.download_cancelled.connect(link.cancel_download)
    window.info.acted.connect(window.on_fix)
    window.tutorial.finished.connect(status.say)
    window.tutorial.pointed.connect(palette.point_at)
    status.problems_clicked.connect(window.do_show_problems)
    status.engine_clicked.connect(window.do_show_log)
    status.zoom_clicked.connect(window.edit_menu.do_fit)
    status.show_zoom(canvas.camera.scale)
    window.welcome.new_wanted.connect(window.files.do_new)
    window.welcome.open_wanted.connect(window.files.do_open)
    window.welcome.tutorial_wanted.connect(window.do_tutorial)
    window.welcome.example_wanted.connect(window.open_example)
    window.welcome.file_wanted.connect(window.open_file)
    QGuiApplication.styleHints().colorSchemeChanged.connect(window.on_system_theme)
